"""
Issuance: nothing is signed that was not written down before, and nothing that the linter would not pass.

What happens, in order:

1. the key is its owner's, and nobody else's before
2. everything that the certificate will say is ordered
3. a draft, signed with a throwaway key, is judged
4. the intent is stored and committed
5. exactly the judged bytes are signed with the authority's key
6. the certificate is stored and committed

Steps 1 to 4 are one transaction of the caller's, step 6 another.  If the process dies in between, the intent stays:
it is possibly a certificate, it is listed for the operator, everything that ends certificates ends it, and whoever
asks again with the same key carries on with the very same bytes.

Source: boulder's issuance cycle (identity's reference, section 11); DESIGN 6, 8.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from kiban.identity.authority import certificates, keys, lint, orders, store
from kiban.identity.authority.certificates import Throwaway
from kiban.identity.authority.contract import AuthorityName, KeyRefused
from kiban.identity.authority.issuers import Finish, Issuer, Issuers
from kiban.identity.authority.orders import Addresses, Order
from kiban.identity.authority.store import Connection, Intent
from kiban.shared.clock import Clock
from kiban.shared.database import hold


@dataclass(frozen=True, slots=True)
class Issuance:
    issuers: Issuers
    throwaway: Throwaway
    clock: Clock
    origin: str
    shards: int
    finish: Finish = certificates.finish

    async def claim(
        self, connection: Connection, authority: AuthorityName, public_key: bytes, owner: str
    ) -> store.OnRecord | None:
        """Step 1: what was issued, or intended, for this key of this owner before."""
        await hold(connection, f"authority owner {owner}")
        digest = keys.digest(public_key)
        if (
            await store.claim_key(connection, digest, f"{owner} {authority}")
            != f"{owner} {authority}"
        ):
            raise KeyRefused("this key was certified for somebody or something else")
        return await store.find_by_key(connection, authority, digest)

    async def intend(
        self,
        connection: Connection,
        authority: AuthorityName,
        order: Order,
        *,
        owner: str,
        earlier: list[store.OnRecord],
        issuer: Issuer | None = None,
    ) -> Intent:
        """
        Steps 2 to 4, for an order that has all but its addresses.

        `earlier` is what the owner has already, the newest first.  An issuer is named where only that one will do.
        """
        issuer = issuer or await self.issuers.able(
            connection, authority, at=order.not_before, until=order.not_after
        )
        shard = orders.shard_of(issuer.generation, order.serial, self.shards)
        if order.profile.policy is not None:
            order = replace(order, addresses=self._addresses(authority, shard))
        throwaway = self.throwaway.like(issuer.kind)
        draft = certificates.draft(order, issuer.issuing, throwaway)
        lint.check(draft, order, issuer.issuing, issuer.kind)
        intent = Intent(
            authority=authority,
            serial=f"{order.serial:x}",
            generation=issuer.generation,
            shard=shard,
            owner=owner,
            key_digest=keys.digest(order.public_key),
            renewal=len(earlier),
            replaces=earlier[0].intent.serial if earlier else None,
            body=order.document(),
            draft=draft,
            not_before=order.not_before,
            not_after=order.not_after,
            ordered_at=self.clock(),
        )
        await store.add_intent(connection, intent)
        return intent

    async def sign(self, intent: Intent) -> bytes:
        """Step 5: the certificate, DER, checked under its issuer's."""
        issuer = await self.issuers.get(intent.authority, intent.generation)
        order = orders.read(intent.body)
        judged = lint.check(intent.draft, order, issuer.issuing, issuer.kind)
        return _checked(self.finish(judged, issuer.key), issuer)

    async def conclude(self, connection: Connection, intent: Intent, der: bytes) -> bytes:
        """Step 6: the certificate that is on record from now on, whichever copy was first."""
        await store.add_certificate(connection, intent, der, fingerprint(der), self.clock())
        found = await store.find_by_serial(connection, intent.authority, intent.serial)
        if found is None or found.der is None:
            raise LookupError("a certificate was stored and is not there")
        return found.der

    def _addresses(self, authority: AuthorityName, shard: str) -> Addresses:
        return Addresses(
            practice=f"{self.origin}/cps",
            revocations=list_address(self.origin, authority, shard),
            status=f"{self.origin}/ocsp/{authority}",
            issuer=f"{self.origin}/ca/{authority}.crt",
        )


def list_address(origin: str, authority: AuthorityName, shard: str) -> str:
    return f"{origin}/crl/{authority}/{shard}.crl"


def fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def now(clock: Clock) -> datetime:
    """The country's time in the whole seconds that certificates have."""
    return clock().replace(microsecond=0)


def _checked(der: bytes, issuer: Issuer) -> bytes:
    x509.load_der_x509_certificate(der).verify_directly_issued_by(issuer.certificate)
    return der
