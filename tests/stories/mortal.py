"""
`kiban up`, but the process kills itself at one message: before it leaves, or when its answer has come.

Which message, a cut says: "after POST /outcomes to core, 2".  The kill is SIGKILL, which nothing can catch; what is
not on the disk is lost.
"""

import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kiban.deploy import house as house_
from kiban.deploy import readiness, topology
from kiban.deploy.embedded import serving, told_to_stop
from kiban.shared.http import Http, Reply, origin_of
from kiban.world.cast import shipped_country
from kiban.world.moving_in import settled as settled_in

CUT = re.compile(r"(before|after) ([A-Z]+) (\S+) to (\S+), (\d+)")


@dataclass
class Mortal:
    """HTTP that ends the process at one call."""

    http: Http
    when: str
    call: str
    origin: str
    left: int

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        path = url.removeprefix(origin_of(url)).partition("?")[0]
        met = origin_of(url) == self.origin and f"{method} {path}".startswith(self.call)
        self.left -= met
        last = met and self.left == 0
        if last and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        reply = await self.http.send(method, url, content=content, headers=headers, timeout=timeout)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    async def close(self) -> None:
        await self.http.close()


async def up(data: Path, port_base: int, ready_file: Path, cut: str) -> None:
    settled = house_.settle(data, shipped_country(), port_base)
    when, method, path, role, number = CUT.fullmatch(cut).groups()
    furnished = house_.furnish(settled, environment=os.environ)
    mortal = Mortal(furnished.http, when, f"{method} {path}", furnished.origin(role), int(number))
    country = replace(furnished, http=mortal)
    roles = [topology.build(country, name) for name in settled.roles]
    async with serving(roles):
        for each in roles:
            await settled_in(each.app)
        told = told_to_stop()
        readiness.write(country, ready_file)
        await told.wait()
    await country.close()
