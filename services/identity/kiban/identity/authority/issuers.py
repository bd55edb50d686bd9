"""
The authorities themselves: their keys, their certificates and their generations.

An authority is made when it is first needed, in one transaction with its key: if that fails, neither exists.  When
no generation lasts as long as what it is asked to issue, the next one is made, with the same name and a new key.
Earlier generations stay, so that what they issued can be checked.

Source: identity's reference, section 1; DESIGN 6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from cryptography import x509

from kiban.identity.authority import certificates, keys, lint, orders, profile, store, validity
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.contract import AuthorityName
from kiban.identity.authority.keys import PrivateKey
from kiban.identity.authority.lint import Judged
from kiban.identity.authority.orders import Attribute, Issuing, Order
from kiban.identity.authority.profile import KeyKind
from kiban.identity.authority.store import Connection
from kiban.shared.database import Database, hold
from kiban.shared.keyring import Keyring

AUTHORITIES: tuple[AuthorityName, ...] = get_args(AuthorityName)
Finish = Callable[[Judged, PrivateKey], bytes]
"""Where the real signature is made: in this process, or in a module that keeps the keys."""


@dataclass(frozen=True, slots=True, repr=False)
class Issuer:
    """One generation of one authority."""

    authority: AuthorityName
    generation: int
    certificate: x509.Certificate
    key: PrivateKey

    def __repr__(self) -> str:
        return f"Issuer({self.authority}, {self.generation})"

    @property
    def kind(self) -> KeyKind:
        return keys.kind_of(self.key)

    @property
    def issuing(self) -> Issuing:
        subject = self.certificate.subject
        key_id = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return Issuing(
            name=tuple(Attribute(each.oid.dotted_string, str(each.value)) for each in subject),
            key_id=key_id.value.digest,
            not_after=self.certificate.not_valid_after_utc,
        )

    def covers(self, at: datetime) -> bool:
        certificate = self.certificate
        return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


class Issuers:
    """All generations of all authorities that this process knows."""

    def __init__(
        self, db: Database, keyring: Keyring, throwaway: Throwaway, organisation: str
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._throwaway = throwaway
        self._organisation = organisation
        self._known: list[Issuer] = []

    def of(self, authority: AuthorityName) -> list[Issuer]:
        """The generations of an authority, the newest first."""
        return [issuer for issuer in self._known if issuer.authority == authority]

    async def get(self, authority: AuthorityName, generation: int) -> Issuer:
        """The generation that an intent names."""
        if all(issuer.generation != generation for issuer in self.of(authority)):
            await self.refresh()
        return next(each for each in self.of(authority) if each.generation == generation)

    async def refresh(self) -> None:
        """Know the generations that other copies of this role have made."""
        async with self._db.read() as connection:
            self._known = await self._all(connection)

    async def able(
        self, connection: Connection, authority: AuthorityName, *, at: datetime, until: datetime
    ) -> Issuer:
        """The newest generation that is in force now and lasts until then; a new one where there is none."""
        if able := _able(self.of(authority), at, until):
            return able
        await hold(connection, f"authority {authority}")
        known = [each for each in await self._all(connection) if each.authority == authority]
        newest = max((each.generation for each in known), default=0)
        return _able(known, at, until) or await self._make(connection, authority, newest + 1, at)

    async def _all(self, connection: Connection) -> list[Issuer]:
        known = {(each.authority, each.generation): each for each in self._known}
        rows = await store.list_authorities(connection)
        return [
            known.get((row.authority, row.number))
            or await self._load(connection, row.authority, row.number, row.certificate)
            for row in rows
        ]

    async def _load(
        self, connection: Connection, authority: AuthorityName, generation: int, certificate: bytes
    ) -> Issuer:
        kept = await self._keyring.get(connection, _key_name(authority, generation))
        if kept is None:
            raise LookupError(f"the key of {authority}, generation {generation}, is gone")
        loaded = x509.load_der_x509_certificate(certificate)
        return Issuer(authority, generation, loaded, keys.load(kept))

    async def _make(
        self, connection: Connection, authority: AuthorityName, generation: int, at: datetime
    ) -> Issuer:
        root = profile.ROOTS[authority]
        name = _key_name(authority, generation)
        kept = await self._keyring.get_or_make(
            connection, name, lambda: keys.dump(keys.make(root.key))
        )
        certificate = self._signed(authority, keys.load(kept), at)
        await store.add_authority(connection, authority, generation, certificate)
        return await self._load(connection, authority, generation, certificate)

    def _signed(self, authority: AuthorityName, key: PrivateKey, at: datetime) -> bytes:
        name = orders.root_name(authority, self._organisation)
        order = Order(
            profile=profile.ROOTS[authority],
            serial=orders.draw_serial(),
            subject=name,
            public_key=keys.public_bytes(key.public_key()),
            not_before=at.replace(microsecond=0),
            not_after=validity.years_later(at, profile.ROOT_YEARS),
        )
        issuing = Issuing(name, keys.key_id(order.public_key), order.not_after)
        kind = keys.kind_of(key)
        draft = certificates.draft(order, issuing, self._throwaway.like(kind))
        return certificates.finish(lint.check(draft, order, issuing, kind), key)


def _able(issuers: list[Issuer], at: datetime, until: datetime) -> Issuer | None:
    return next(
        (
            each
            for each in issuers
            if each.covers(at) and each.certificate.not_valid_after_utc >= until
        ),
        None,
    )


def _key_name(authority: AuthorityName, generation: int) -> str:
    return f"authority {authority} {generation}"
