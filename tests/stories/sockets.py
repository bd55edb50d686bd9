"""A country in a process of its own, as `kiban up` runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiban.deploy.embedded import free_port_base
from kiban.shared.http import Http

READY = "Begin at"


@dataclass
class RunningCountry:
    """What the ready file says, and the process behind it."""

    process: subprocess.Popen[str]
    data: Path
    ready: dict[str, Any]

    def origin(self, role: str) -> str:
        return self.ready["roles"][role]

    @property
    def routes(self) -> dict[str, str]:
        """Where each public origin really is: no name is resolved."""
        return {
            origin: f"http://127.0.0.1:{origin.rpartition(':')[2]}"
            for origin in self.ready["roles"].values()
        }

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
        self.process.wait()


def port_base_of(worker: str) -> int:
    """Find ports of this worker's own, so that two workers never reach for the same."""
    number = int(worker.removeprefix("gw") or 0) if worker.startswith("gw") else 9
    return free_port_base(20_000 + 2_000 * number)


@contextmanager
def kiban_up(
    data: Path,
    *,
    port_base: int,
    postal_data: Path,
    module: str = "kiban.deploy",
    more: Sequence[str] = (),
) -> Iterator[RunningCountry]:
    """Run `kiban up` until the block ends."""
    file = data.parent / f"{data.name}.ready.json"
    command = [
        *(sys.executable, "-m", module, "up", *more),
        *("--data", str(data), "--port-base", str(port_base), "--ready-file", str(file)),
    ]
    environment = {**os.environ, "KIBAN_REGISTRY_POSTAL_DATA": str(postal_data)}
    with (data.parent / f"{data.name}.log").open("w+") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        try:
            assert process.stdout
            if not any(READY in line for line in process.stdout):
                log.seek(0)
                raise RuntimeError(f"the country did not start: {log.read()[-3000:]}")
            yield RunningCountry(process, data, json.loads(file.read_text(encoding="utf-8")))
        finally:
            process.terminate()
            process.wait(timeout=30)
            process.stdout.close()
