"""
Verification: what a card did is checked for the members that may ask, and who it was is said to each in its own words.

A certificate is looked up by its exact bytes before anything in it is read: what this authority did not issue is not
worth parsing.  Then everything is checked one by one (`validation`).  The answer names the person by a handle that
this verifier alone is given.

Who acts for somebody else does so under a mandate.  The card signed over it, its proxy's card it must be, it must hold
now, and what comes of it is about the principal: so there is no token about anybody without their mandate.

Not checked here, because only login can: that a challenge is fresh, that it was drawn for this browser, and that it
was answered once.  So login alone may pass on what a card answered.

Refused: see `validation` and `mandates`; attributes of somebody whom the asking member has not verified itself.

Source: DESIGN 5.6, 6; identity's reference, section 7; plan rows IDN-03, IDN-05 to IDN-07.
"""

from dataclasses import dataclass

from cryptography import x509

from kiban.identity.authority import attributes, store, validation
from kiban.identity.authority.contract import (
    Approval,
    ApprovalTokens,
    AttributesRequest,
    Authentication,
    AuthenticationReply,
    CertificateRefused,
    HolderAttributes,
    HolderUnknown,
    SignatureVerification,
    SignatureVerificationReply,
    approval_message,
    authentication_message,
)
from kiban.identity.authority.handles import PersonKeys
from kiban.identity.authority.issuance import fingerprint
from kiban.identity.authority.issue import Issue
from kiban.identity.authority.issuers import Issuers
from kiban.identity.authority.lifecycle import Kind
from kiban.identity.authority.mandating import Mandating
from kiban.identity.authority.profile import ISSUES
from kiban.identity.authority.revocation import HOLDER, record_of
from kiban.identity.authority.store import By
from kiban.identity.authority.validation import Verified
from kiban.shared import encoding
from kiban.shared.clock import Clock
from kiban.shared.database import Database


@dataclass(frozen=True, slots=True, repr=False)
class _Holder:
    """Whose certificate it is, and the certificate that was verified."""

    record: str
    certificate: Verified


@dataclass(frozen=True, slots=True)
class Verification:
    db: Database
    issuers: Issuers
    persons: PersonKeys
    issue: Issue
    mandating: Mandating
    clock: Clock

    async def verify_authentication(self, asked: Authentication, by: By) -> AuthenticationReply:
        """Who answered this challenge with which card; and a token, for a member that may know them."""
        holder = await self._verified(asked.certificate, "authentication")
        message = authentication_message(asked.challenge, asked.audience)
        holder.certificate.check_message(message, asked.signature)
        token = await self.issue.for_bearer(holder.record, asked.bearer) if asked.bearer else None
        return AuthenticationReply(
            holder=await self._handle(holder.record, by),
            serial=holder.certificate.serial,
            token=token,
        )

    async def approve(self, asked: Approval, by: By) -> ApprovalTokens:
        """What the person at the card approved, for themselves or for a principal, as one token for each party."""
        holder = await self._verified(asked.certificate, "authentication")
        message = approval_message(asked.terms, asked.challenge, asked.mandate)
        holder.certificate.check_message(message, asked.signature)
        about = holder.record
        if asked.mandate is not None:
            about = await self.mandating.principal(holder.record, asked.mandate, asked.bearer)
        tokens = await self.issue.for_approval(about, asked.terms, asked.bearer, asked.parties)
        async with self.db.begin() as connection:
            for person in dict.fromkeys((holder.record, about)):
                await store.add_act(connection, "approve", by, record=person, at=self.clock())
        return ApprovalTokens(holder=await self._handle(holder.record, by), tokens=tokens)

    async def verify_signature(
        self, asked: SignatureVerification, by: By
    ) -> SignatureVerificationReply:
        """Who signed what has this digest, and what the certificate says of them (署名検証)."""
        holder = await self._verified(asked.certificate, "signature")
        holder.certificate.check_digest(bytes.fromhex(asked.digest), asked.signature)
        principal = None
        if asked.acting is not None:
            record = await self.mandating.principal_in(holder.record, asked.acting)
            principal = await self.issue.for_bearer(record, by.member)
        return SignatureVerificationReply(
            holder=await self._handle(holder.record, by),
            serial=holder.certificate.serial,
            certified=attributes.certified(holder.certificate.other_names()),
            checked_at=int(self.clock().timestamp()),
            principal=principal,
        )

    async def read_attributes(self, asked: AttributesRequest, by: By) -> HolderAttributes:
        """The latest attributes of somebody whom this member has verified; each reading is recorded."""
        async with self.db.begin() as connection:
            record = await store.find_handle(connection, asked.holder, by.member)
            if record is None:
                raise HolderUnknown("this member has verified no such holder")
            latest = await store.latest_attributes(connection, record)
            await store.add_act(connection, "read_attributes", by, record=record, at=self.clock())
        return HolderAttributes.model_validate(latest.body)

    async def _verified(self, certificate: str, kind: Kind) -> _Holder:
        try:
            der = encoding.decode(certificate)
        except ValueError:
            raise CertificateRefused("the certificate is not base64url") from None
        async with self.db.read() as connection:
            found = await store.find_by_fingerprint(connection, fingerprint(der))
        if found is None or not found.intent.owner.startswith(HOLDER):
            raise CertificateRefused("this authority has issued no such certificate to a holder")
        await self.issuers.get(found.intent.authority, found.intent.generation)
        verified = validation.check(
            x509.load_der_x509_certificate(der),
            ISSUES[kind],
            [issuer.certificate for issuer in self.issuers.of(kind)],
            found.status,
            self.clock(),
        )
        return _Holder(record_of(found.intent.owner), verified)

    async def _handle(self, record: str, by: By) -> str:
        handle = self.persons.handle(record, by.member)
        async with self.db.read() as connection:
            known = await store.find_handle(connection, handle, by.member)
        if known is None:
            async with self.db.begin() as connection:
                await store.add_handle(connection, handle, record, by.member)
        return handle
