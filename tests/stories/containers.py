"""
The country on containers, as deploy/containers.sh starts it, and what happens to one of them.

The engine is whatever `docker` answers with; KIBAN_PREMISES says where `kiban prepare` has been.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.architecture.floors import ROOT

PREMISES = os.environ.get("KIBAN_PREMISES", "")
SERVICES = tuple(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"])
ROLES = tuple(each for each in SERVICES if each != "postgres")
PATIENCE = 120.0  # seconds
AWAY = 3.0  # seconds for which a container that was killed stays away
FROZEN = 12.0  # seconds; longer than neighbours wait for an answer


def require() -> None:
    """Leave a whole module out where there are none."""
    if not PREMISES:
        pytest.skip("NO CONTAINERS: deploy/containers.sh starts them", allow_module_level=True)


def premises() -> Path:
    return Path(PREMISES)


def docker(*words: str, stdin: str = "") -> str:
    """Say something to the engine, and give what it answers."""
    done = subprocess.run(
        ["docker", *words],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


def compose(*words: str, stdin: str = "") -> str:
    """Say something to Compose, about this country's containers."""
    return docker("compose", *words, stdin=stdin)


def inside(service: str, program: str, *words: str) -> str:
    """Run a Python program inside a role's container, with what that has."""
    return compose("exec", "-T", service, "python", "-", *words, stdin=program).strip()


@asynccontextmanager
async def killed(service: str) -> AsyncIterator[None]:
    """What the block does begins while this container is dead; it is started again soon."""
    await _say("kill", "--signal", "KILL", service)
    async with _later(AWAY, "start", service):
        yield
    await _healthy(service)


@asynccontextmanager
async def paused(service: str) -> AsyncIterator[None]:
    """What the block does begins while this container neither answers nor hangs up."""
    await _say("pause", service)
    async with _later(FROZEN, "unpause", service):
        yield
    await _healthy(service)


@asynccontextmanager
async def _later(seconds: float, *words: str) -> AsyncIterator[None]:
    async def wait() -> None:
        await asyncio.sleep(seconds)
        await _say(*words)

    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        await waiting


async def _healthy(service: str) -> None:
    until = time.monotonic() + PATIENCE
    while (told := await _say("ps", "--format", "{{.Health}}", service)).strip() != "healthy":
        assert time.monotonic() < until, f"{service} is {told}"
        await asyncio.sleep(0.5)


async def _say(*words: str) -> str:
    return await asyncio.to_thread(compose, *words)
