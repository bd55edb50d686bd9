"""A country in a process of its own, as `kiban up` runs it."""

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from kiban.deploy.__main__ import main
from kiban.deploy.embedded import free_port_base
from kiban.shared.http import Http
from kiban.shared.settings import Secret
from kiban.world.clerk import Clerk
from kiban.world.counter.app import HOME
from tests.stories import mortal


@dataclass
class RunningCountry:
    """What the ready file says, and the process behind it."""

    process: BaseProcess
    data: Path
    ready: dict[str, Any]

    def origin(self, role: str) -> str:
        return self.ready["roles"][role]

    @property
    def routes(self) -> dict[str, str]:
        """Where each public origin really is: no name is resolved."""
        counters = [
            each["counter"].removesuffix(HOME)
            for each in self.ready["gateways"].values()
            if "counter" in each
        ]
        return {
            origin: f"http://127.0.0.1:{origin.rpartition(':')[2]}"
            for origin in (*self.ready["roles"].values(), *counters)
        }

    def clerk(self, city: str, http: Http) -> Clerk | None:
        """Somebody at a municipality's counter, if a story leads there."""
        if not city:
            return None
        gateway = self.ready["gateways"][city]
        return Clerk(gateway["counter"], Secret(gateway["clerk_key"]), http)

    async def later(self, http: Http, seconds: float) -> None:
        """Move the country's clock on, as its operator may."""
        key = (self.data / "secrets" / "operator").read_text(encoding="utf-8").strip()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        moved = json.dumps({"advance_seconds": seconds}).encode()
        where = f"{self.origin('core')}/clock"
        (await http.send("PUT", where, content=moved, headers=headers)).raise_problem()

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        self.process.kill()
        self.process.join()


def port_base_of(worker: str) -> int:
    """Find ports of this worker's own, so that two workers never reach for the same."""
    number = int(worker.removeprefix("gw") or 0) if worker.startswith("gw") else 9
    return free_port_base(20_000 + 2_000 * number)


class Killed(Exception):  # noqa: N818  what happened
    """The power was cut before the country had started."""


@contextmanager
def kiban_up(
    data: Path, *, port_base: int, postal_data: Path, cut: str = ""
) -> Iterator[RunningCountry]:
    """
    Run `kiban up` until the block ends; or until the message at which the power is to be cut.

    What its last life left undone may come to that message before the country answers: `Killed`.
    """
    file, log = (data.parent / f"{data.name}.{what}" for what in ("ready.json", "log"))
    file.unlink(missing_ok=True)
    target = partial(_up, data, port_base, file, cut)
    process = started(target, log, postal_data)
    try:
        while not file.exists():
            if not process.is_alive():
                if cut and process.exitcode == -signal.SIGKILL:
                    raise Killed
                raise RuntimeError(f"the country did not start: {log.read_text('utf-8')[-3000:]}")
            time.sleep(0.02)
        yield RunningCountry(process, data, json.loads(file.read_text(encoding="utf-8")))
    finally:
        process.terminate()
        process.join(30)
        process.close()


# Each country is a process of its own; what it is made of is imported once for all of them.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["kiban.deploy.commands.up", "tests.stories.mortal"])


def started(run: Callable[[], None], log: Path, postal_data: Path) -> BaseProcess:
    """A process that does this, and says what it says in a file."""
    process = _PROCESSES.Process(target=_alone, args=(run, log, postal_data))
    process.start()
    return process


def _alone(run: Callable[[], None], log: Path, postal_data: Path) -> None:
    with log.open("w") as lines:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(lines.fileno(), stream.fileno())
    os.environ["KIBAN_REGISTRY_POSTAL_DATA"] = str(postal_data)
    run()


def _up(data: Path, port_base: int, ready_file: Path, cut: str) -> None:
    if cut:
        asyncio.run(mortal.up(data, port_base, ready_file, cut))
    else:
        words = ["up", "--data", data, "--port-base", port_base, "--ready-file", ready_file]
        sys.exit(main([str(word) for word in words]))
