"""
Premises: what one deployment keeps on disk between starts.

Three things: whose country it is, the public origin of each role, and the secrets, each in a file of its own that
only its owner may read.  An origin once given never changes, because issuer names, certificates and cookies hold
it; a role that is new gets the next free port.  In a container the secrets are mounted, nothing is made, and a
secret that is not there is a refusal.

Refused: another country's data, another port base than the stored one, a secret that is missing where none is made,
to forget a country that runs.
Source: DESIGN 7.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from kiban.shared.problems import Problem
from kiban.shared.settings import Secret

PORT_BASE = 8700
LAST_PORT = 65_535
HALL = "hall"
"""The role that answers for members who share one door."""
HOST_NAMES = {
    "portal": "portal.localhost",
    "login": "login.localhost",
    "cards": "card.localhost",
    "bank": "bank.localhost",
    "electricity": "electricity.localhost",
    "water": "water.localhost",
    "mover": "mover.localhost",
}
"""What a browser opens has a name of its own, because cookies ignore ports."""
DEED = "premises.json"
SECRETS = "secrets"


class OtherCountry(Problem):
    slug, title, status = "other-country", "This data is another country's", 409


class OtherPorts(Problem):
    slug, title, status = "other-ports", "This country lives at other ports", 409


class CountryRuns(Problem):
    slug, title, status = "country-runs", "The country still runs", 409


class SecretMissing(Problem):
    slug, title, status = "secret-missing", "A secret of this role is missing", 500


class PremisesUnreadable(Problem):
    slug, title, status = "premises-unreadable", "The data directory cannot be used", 500


@dataclass(frozen=True, slots=True)
class Premises:
    """One deployment's place: the data directory, and where its secrets are."""

    place: Path
    secrets: Path
    origins: Mapping[str, str] = field(default_factory=dict)
    making: bool = True
    """Whether a secret that is missing is made."""

    def origin(self, role: str) -> str:
        return self.origins[role]

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_hex(32)) -> Secret:
        """Read a secret; the first who asks makes it."""
        path = self.secrets / name
        if not path.exists():
            if not self.making:
                raise SecretMissing(f"no file {path}", expected=name)
            write_once(path, make())
        return Secret(path.read_text(encoding="utf-8").strip())

    def member_secret(self, member: str) -> Secret:
        """What a member shows to be certified: derived, so that the authority keeps one secret for all."""
        if self.shares_door(member):
            return self._derived("enrolment", member)
        return self.secret(f"member-{member}", lambda: self._derived("enrolment", member).reveal())

    def of_member(self, kind: str, member: str) -> Secret:
        """A secret of this kind that one member has: a file, or of one that shares a door derived from theirs all."""
        name = f"{kind}-{member}"
        return self._derived(HALL, name) if self.shares_door(member) else self.secret(name)

    def shares_door(self, member: str) -> bool:
        """Whether this member's gateway is one of those in the hall."""
        hall, own = self.origins.get(HALL), self.origins.get(f"gateway:{member}")
        return hall is not None and own is not None and port_of(hall) == port_of(own)

    def _derived(self, name: str, of: str) -> Secret:
        key = self.secret(name).reveal().encode()
        return Secret(hmac.new(key, of.encode(), hashlib.sha256).hexdigest())


@dataclass(frozen=True, slots=True)
class _Deed:
    """What the directory says about itself."""

    country: str
    port_base: int
    origins: dict[str, str]


def file_name(role: str) -> str:
    """Say a role's name where a colon may not stand."""
    return role.replace(":", "-")


def settle(
    place: Path,
    *,
    country: str,
    roles: Iterable[str],
    port_base: int | None = None,
    hall: Collection[str] = (),
) -> Premises:
    """
    Move in: keep what the directory says, add what is new, refuse what does not fit.

    The gateways of members in the `hall` share its port, each by a host name of its own.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        (place / SECRETS).mkdir(mode=0o700, exist_ok=True)
        deed = _read(place / DEED) or _Deed(country, port_base or PORT_BASE, {})
        _check(deed, place, country, port_base)
        origins = _with_new(deed, roles)
        if hall:
            origins = _with_new(replace(deed, origins=origins), [HALL])
            port = port_of(origins[HALL])
            doors = {f"gateway:{member}": f"http://{member}.localhost:{port}" for member in hall}
            origins = doors | origins
        _write(place / DEED, _Deed(country, deed.port_base, origins))
    except OSError as error:
        raise PremisesUnreadable(f"{place}: {error.strerror}") from error
    return Premises(place, place / SECRETS, origins)


def mounted(place: Path, mounted_secrets: Path) -> Premises:
    """Find the premises that `kiban prepare` made, with the secrets where a container has them."""
    try:
        deed = _read(place / DEED)
    except OSError as error:
        raise PremisesUnreadable(f"{place}: {error.strerror}") from error
    if not deed:
        raise PremisesUnreadable(f"{place / DEED} is missing", expected="kiban prepare")
    return Premises(place, mounted_secrets, deed.origins, making=False)


def stands(place: Path) -> bool:
    """Whether a country has moved in here."""
    return (place / DEED).is_file()


def forget(place: Path) -> bool:
    """Remove a deployment's data, and whatever else lies there leave; refused while the country runs."""
    deed = _read(place / DEED)
    if deed is None:
        return False
    with _locked(place, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for name in _databases(deed):
            for end in ("", "-wal", "-shm", "-journal"):
                (place / f"{file_name(name)}.sqlite{end}").unlink(missing_ok=True)
        for folder in (place / "awake", *place.glob("nation-*"), place / SECRETS):
            shutil.rmtree(folder, ignore_errors=True)
        (place / DEED).unlink()
    with suppress(OSError):  # somebody else keeps something here
        place.rmdir()
    return True


@contextmanager
def lived_in(place: Path) -> Iterator[None]:
    """Keep a country from being forgotten while the block lasts; several processes may live in it."""
    with _locked(place, fcntl.LOCK_SH | fcntl.LOCK_NB):
        yield


@contextmanager
def _locked(place: Path, how: int) -> Iterator[None]:
    opened = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(opened, how)
    except BlockingIOError as error:
        raise CountryRuns(f"{place} is in use: end what runs there first") from error
    else:
        yield
    finally:
        os.close(opened)


def _databases(deed: _Deed) -> Iterator[str]:
    """Every role that may have a database here, and what a gateway's agency keeps beside it."""
    yield "vault"
    for role in deed.origins:
        yield role
        yield f"office:{role.removeprefix('gateway:')}"


def port_of(origin: str) -> int:
    return int(origin.rpartition(":")[2])


def _check(deed: _Deed, place: Path, country: str, port_base: int | None) -> None:
    if deed.country != country:
        raise OtherCountry(
            f"{place} holds {deed.country}; choose another --data, or `kiban reset` it",
            sent=country,
            expected=deed.country,
        )
    if port_base not in {None, deed.port_base}:
        raise OtherPorts(
            f"its addresses are written into certificates; choose another --data, or `kiban reset` {place}",
            sent=port_base,
            expected=str(deed.port_base),
        )


def _with_new(deed: _Deed, roles: Iterable[str]) -> dict[str, str]:
    origins = dict(deed.origins)
    for role in sorted(set(roles) - origins.keys()):
        port = max([deed.port_base - 1, *map(port_of, origins.values())]) + 1
        if port > LAST_PORT:
            raise OtherPorts("there are no ports so high", expected=f"at most {LAST_PORT}")
        origins[role] = f"http://{HOST_NAMES.get(role, '127.0.0.1')}:{port}"
    return origins


def _read(path: Path) -> _Deed | None:
    if not path.exists():
        return None
    try:
        return _Deed(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise PremisesUnreadable(f"{path} is not what `kiban` wrote") from error


def _write(path: Path, deed: _Deed) -> None:
    write_whole(path, json.dumps(asdict(deed), indent=2, sort_keys=True) + "\n")


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file that a reader sees whole or not at all."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(path)


def write_once(path: Path, text: str) -> None:
    """Write a secret whole, unless somebody was faster: then theirs stays."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    write_whole(beside, text + "\n", mode=0o600)
    with suppress(FileExistsError):
        os.link(beside, path)
    beside.unlink()
