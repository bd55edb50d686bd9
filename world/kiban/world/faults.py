"""
Faults: misbehaviours with a name, for who wants to see what the country does then.

A fault is switched on and off by Python (`app.state.faults`) or by HTTP with the operator's key:

* `GET /faults` lists what this role can do wrong, in a sentence each
* `PUT /faults/NAME` switches one on, `DELETE /faults/NAME` off

They act from outside (`misbehaviours`): the product holds no fault code.  A revoked certificate stays revoked.
Refused: a name that this role does not know, a setting that the fault does not take, undoing what cannot be undone.
Source: DESIGN 1 (integrator), 6 (world).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from kiban.shared.access import operator
from kiban.shared.clock import Clock
from kiban.shared.http import Http
from kiban.shared.members import Identity
from kiban.shared.problems import Problem
from kiban.shared.routes import PLUMBING, shared_routes, take
from kiban.world.misbehaviours import Door, Forgery, Line, Switches, forging
from kiban.world.people import People

Text = dict[str, str]


class NoSuchFault(Problem):
    slug, title, status = "no-such-fault", "This role knows no such fault", 404


class FaultUnclear(Problem):
    slug, title, status = "fault-unclear", "The fault needs another setting", 422


class FaultStays(Problem):
    slug, title, status = "fault-stays", "This cannot be undone", 409


class FaultSetting(BaseModel):
    """How a fault is to be; each takes what it needs."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=60)] | None = None
    how: Forgery | None = None
    persona: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] | None = None


class FaultReading(BaseModel):
    """One fault of this role."""

    name: str
    says: Text = Field(description="what happens then, by language")
    takes: list[str] = Field(description="the settings that it needs or takes")
    on: bool


class FaultList(BaseModel):
    faults: list[FaultReading]


AWAY = {
    "ja": "この機関はどの問い合わせにも応答しません。",
    "en": "This office answers nobody.",
}
LATE = {
    "ja": "この機関は情報提供の回答を指定の秒数だけ遅らせます。",
    "en": "This office holds every answer back for so many seconds.",
}
FORGED = {
    "ja": "この機関の回答は署名の後で書き換えられる（altered）か、別の鍵で署名されます（wrong-key）。",
    "en": "This office's answers are altered after signing (altered) or signed by a wrong key (wrong-key).",
}
REPLAYED = {
    "ja": "この機関は、新しい許可の代わりに、一度使った許可をもう一度提示します。",
    "en": "This office presents a permit that it used before instead of the new one.",
}
REVOKED = {
    "ja": "指定した人のカードの証明書が失効します。元には戻りません。",
    "en": "The certificates on this persona's card are revoked, for good.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour: how it is switched on, off, and whether it is on."""

    name: str
    says: Text
    on: Callable[[FaultSetting], Awaitable[None]]
    off: Callable[[], Awaitable[None]]
    takes: tuple[str, ...] = ()


@dataclass(slots=True)
class Faults:
    """What one role can do wrong."""

    known: dict[str, Fault] = field(default_factory=dict)
    switched_on: set[str] = field(default_factory=set)

    def add(self, fault: Fault) -> None:
        self.known[fault.name] = fault

    async def switch_on(self, name: str, setting: FaultSetting | None = None) -> None:
        """Misbehave from now on."""
        fault, wanted = self._find(name), setting or FaultSetting()
        given = wanted.model_dump(exclude_none=True).keys()
        if beyond := sorted(given - set(fault.takes)):
            raise FaultUnclear(
                f"{name} takes no {', '.join(beyond)}", expected=", ".join(fault.takes)
            )
        await fault.on(wanted)
        self.switched_on.add(name)

    async def switch_off(self, name: str) -> None:
        """Behave again."""
        await self._find(name).off()
        self.switched_on.discard(name)

    async def switch_all_off(self) -> None:
        """Behave again as far as that can be; `FaultStays` if something cannot be undone."""
        stays: FaultStays | None = None
        for name in sorted(self.switched_on):
            try:
                await self.switch_off(name)
            except FaultStays as problem:
                stays = problem
        if stays:
            raise stays

    def readings(self) -> list[FaultReading]:
        return [
            FaultReading(
                name=each.name,
                says=each.says,
                takes=list(each.takes),
                on=each.name in self.switched_on,
            )
            for each in self.known.values()
        ]

    def _find(self, name: str) -> Fault:
        if name not in self.known:
            raise NoSuchFault(expected=", ".join(self.known), sent=name[:50])
        return self.known[name]


# --- what can be played with ------------------------------------------------------------------------


class Standing(Protocol):
    """A gateway's place among the members; its identity can be exchanged."""

    identity: Identity


class Gateway(Protocol):
    """A gateway from outside of its code: what it speaks with, and as whom."""

    http: Http
    standing: Standing


class LossReport(Protocol):
    """The resident network, as far as a lost card concerns it."""

    async def report_loss(self, persona: str) -> None: ...


def make_unreliable(app: FastAPI, clock: Clock) -> Faults:
    """Put a gateway's application (`app.state.gateway`) among switches; all are off.  Call it before it starts."""
    gateway: Gateway = app.state.gateway
    switches, faults = Switches(), Faults()
    line = Line(gateway.http, switches, clock)
    gateway.http = line
    app.add_middleware(Door, switches=switches)
    faults.add(_away(switches))
    faults.add(_late(switches))
    faults.add(_forged(gateway))
    faults.add(_replayed(gateway, switches, line))
    app.state.faults = faults
    take(app, routes)
    return faults


def add_revocation(faults: Faults, people: People, network: Callable[[], LossReport]) -> None:
    """At the resident network: a persona's card can be lost."""

    async def revoke(setting: FaultSetting) -> None:
        if setting.persona is None or all(each.id != setting.persona for each in people):
            known = ", ".join(each.id for each in people if each.card)
            raise FaultUnclear("say whose certificates: persona", expected=known)
        await network().report_loss(setting.persona)

    async def stay() -> None:
        raise FaultStays("a revoked certificate stays revoked")

    faults.add(Fault("certificate-revoked", REVOKED, revoke, stay, ("persona",)))


def _away(switches: Switches) -> Fault:
    async def on(_: FaultSetting) -> None:
        switches.away = True

    async def off() -> None:
        switches.away = False

    return Fault("office-away", AWAY, on, off)


def _late(switches: Switches) -> Fault:
    async def on(setting: FaultSetting) -> None:
        if setting.seconds is None:
            raise FaultUnclear("say how late: seconds", expected="0 to 60")
        switches.late = setting.seconds

    async def off() -> None:
        switches.late = 0.0

    return Fault("answer-late", LATE, on, off, ("seconds",))


def _forged(gateway: Gateway) -> Fault:
    honest: list[Identity] = []

    async def on(setting: FaultSetting) -> None:
        if not honest:
            honest.append(gateway.standing.identity)
        gateway.standing.identity = forging(honest[0], setting.how or "altered")

    async def off() -> None:
        if honest:
            gateway.standing.identity = honest.pop()

    return Fault("answer-forged", FORGED, on, off, ("how",))


def _replayed(gateway: Gateway, switches: Switches, line: Line) -> Fault:
    async def on(_: FaultSetting) -> None:
        line.identity = gateway.standing.identity
        switches.replaying = True

    async def off() -> None:
        switches.replaying = False
        switches.permits.clear()

    return Fault("permit-replayed", REPLAYED, on, off)


routes = shared_routes(tags=[PLUMBING], dependencies=[Depends(operator)])
"""The operator's switches, of `app.state.faults`."""


@routes.get("/faults")
async def list_faults(request: Request) -> FaultList:
    """List what this role can do wrong, and what is switched on."""
    return _list(request.app.state.faults)


@routes.put("/faults/{name}")
async def switch_fault_on(
    name: str, request: Request, setting: FaultSetting | None = None
) -> FaultList:
    """Misbehave from now on."""
    faults: Faults = request.app.state.faults
    await faults.switch_on(name, setting)
    return _list(faults)


@routes.delete("/faults/{name}")
async def switch_fault_off(name: str, request: Request) -> FaultList:
    """Behave again."""
    faults: Faults = request.app.state.faults
    await faults.switch_off(name)
    return _list(faults)


def _list(faults: Faults) -> FaultList:
    return FaultList(faults=faults.readings())
