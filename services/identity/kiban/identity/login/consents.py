"""
Consents (同意): a person lets a relying party know some of the four attributes, until one of them ends it.

Asked once for each relying party, after the card and before the code.  While it stands, the relying party gets the
latest attributes, also after a move, without asking the person again; each disclosure is written down and shown.
Who was let in also for later (offline_access) asks whether something has changed, and is given it only then.
Ended, never deleted: the next call is refused, and what opened later calls is ended with it.

Refused: attributes without a consent that stands.

Source: 公的個人認証法 (最新の利用者情報の提供); OpenID Connect Core 1.0 sections 5.1, 5.3, 5.4, 11; RFC 9110
section 13.1.2 (If-None-Match); plan row IDN-07.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import AttributesRequest, HolderAttributes
from kiban.identity.login import store
from kiban.identity.login.clients import Clients
from kiban.identity.login.contract import (
    ATTRIBUTES,
    CONSENTED,
    Attribute,
    Consented,
    ScopeMissing,
    UserInfo,
)
from kiban.identity.login.store import AccessToken, Consent, Disclosure
from kiban.identity.login.subjects import Subjects
from kiban.shared import canonical
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.exchanges import new_id
from kiban.shared.problems import NotFound

SHOWN = 200
"""How many disclosures a person is shown, the newest."""


def attributes_in(scope: Iterable[str]) -> tuple[Attribute, ...]:
    """The attributes that a scope asks for."""
    asked = set(scope)
    return tuple(each for each in ATTRIBUTES if each in asked)


def asked_in(scope: Iterable[str]) -> tuple[Consented, ...]:
    """What a person must have consented to before this scope is given."""
    asked = set(scope)
    return tuple(each for each in CONSENTED if each in asked)


def claims(
    subject: str, attributes: HolderAttributes | None, granted: Iterable[Attribute]
) -> UserInfo:
    """The claims that these attributes make, and no others."""
    found: dict[str, object] = {"sub": subject}
    if attributes is not None:
        for each in granted:
            found |= _claim(attributes, each)
    return UserInfo.model_validate(found)


def _claim(attributes: HolderAttributes, attribute: Attribute) -> dict[str, object]:
    match attribute:
        case "name":
            return {"name": attributes.name, "name#ja-Kana-JP": attributes.name_kana}
        case "address":
            return {"address": {"formatted": attributes.address.text}}
        case "birthdate":
            return {"birthdate": attributes.birth_date}
        case "gender":
            return {"gender": attributes.sex}


async def standing(connection: AsyncConnection, *, holder: str, client: str) -> frozenset[str]:
    """What this relying party may know of this person now, and whether also later."""
    return frozenset(
        each
        for consent in await store.list_consents(connection, holder, client=client)
        if consent.ended_at is None
        for each in consent.attributes
    )


@dataclass(frozen=True, slots=True)
class Latest:
    """Attributes as they are now, and a word for them by which their reader asks whether they changed."""

    info: UserInfo

    @property
    def tag(self) -> str:
        """Their digest: it says nothing to anybody who has not these very claims (RFC 9110, section 8.8.3)."""
        written = canonical.encode(self.info.model_dump(mode="json", by_alias=True))
        return f'"{hashlib.sha256(written).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class History:
    """What a person is shown at /consents."""

    consents: list[Consent]
    disclosures: list[Disclosure]


@dataclass(frozen=True, slots=True)
class Consents:
    """The use case; collaborators are given."""

    db: Database
    authority: AuthorityClient
    clients: Clients
    subjects: Subjects
    clock: Clock

    async def give(
        self,
        connection: AsyncConnection,
        *,
        holder: str,
        client: str,
        attributes: Iterable[Consented],
    ) -> None:
        """Write a consent down, in the transaction that gives the code."""
        consent = Consent(new_id(), client, holder, list(attributes), self.clock())
        await store.add(connection, store.consents, consent)

    async def end(self, holder: str, consent: str) -> None:
        """End one's own consent, at once, and what opened later calls."""
        async with self.db.begin() as connection:
            client = await store.end_consent(connection, consent, holder=holder, at=self.clock())
            if client is None:
                raise NotFound("there is no such consent that stands")
            await store.end_refresh_tokens(
                connection, holder=holder, client=client, at=self.clock()
            )

    async def history(self, holder: str) -> History:
        async with self.db.read() as connection:
            return History(
                await store.list_consents(connection, holder),
                await store.list_disclosures(connection, holder, limit=SHOWN),
            )

    async def userinfo(self, token: AccessToken, *, known: str = "") -> Latest | None:
        """
        The latest attributes that the token reaches and the person consents to; none if `known` is their tag.

        1. the token is a person's
        2. a consent stands
        3. the authority gives the latest attributes
        4. the disclosure is written and committed, while the consent still stands: only then data leaves
        """
        if token.holder is None:
            raise ScopeMissing("insufficient_scope", "this is the client's own token, no person's")
        subject = self.subjects.of(token.holder, sector=self.clients.find(token.client).sector)
        asked = attributes_in(token.scope.split())
        if not asked:
            return Latest(claims(subject, None, ()))
        async with self.db.read() as connection:
            await self._granted(connection, token, token.holder)
        attributes = await self.authority.read_attributes(AttributesRequest(holder=token.holder))
        async with self.db.begin() as connection:
            granted = await self._granted(connection, token, token.holder)
            latest = Latest(claims(subject, attributes, granted))
            if known == latest.tag:
                return None
            disclosure = Disclosure(
                new_id(), token.client, token.holder, list(granted), self.clock()
            )
            await store.add(connection, store.disclosures, disclosure)
        return latest

    async def _granted(
        self, connection: AsyncConnection, token: AccessToken, holder: str
    ) -> tuple[Attribute, ...]:
        may = await standing(connection, holder=holder, client=token.client)
        granted = tuple(each for each in attributes_in(token.scope.split()) if each in may)
        if not granted:
            raise ScopeMissing(
                "insufficient_scope",
                "the person's consent has ended",
                expected="a new login, in which the person consents again",
            )
        return granted
