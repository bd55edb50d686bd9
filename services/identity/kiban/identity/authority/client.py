"""
The authority, seen from a neighbour: one method per operation, the same name on both sides.

What is public may be called with a plain `Http`; everything else needs a `SignedHttp`, because the authority asks
who is calling.  `obtain_identity` is how a role becomes a member: it makes its keys once, keeps them wrapped, shows
the secret it was given, and gets the certificate that the other members believe.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pydantic import BaseModel

from kiban.identity.authority.contract import (
    AcquisitionRequest,
    Acts,
    Anchors,
    Approval,
    ApprovalTokens,
    AttributesRequest,
    Authentication,
    AuthenticationReply,
    AuthorityName,
    CardCertificates,
    CardRegistration,
    ChangeReply,
    HolderAttributes,
    MandateEnd,
    MandateEntry,
    MandateList,
    MandateListing,
    MandateQuestion,
    MandateReply,
    MemberCertificateReply,
    MemberRequest,
    OpenIntents,
    RegistrationFeed,
    ResidentRegistration,
    ResidentReply,
    Revocation,
    RevocationReply,
    SignatureVerification,
    SignatureVerificationReply,
    TokenReply,
)
from kiban.shared import canonical, encoding, members, points
from kiban.shared.clock import Clock
from kiban.shared.database import Database
from kiban.shared.http import Http, Reply
from kiban.shared.keyring import Keyring
from kiban.shared.mandates import MandateInForce
from kiban.shared.members import Identity, Member
from kiban.shared.membership import SignedHttp
from kiban.shared.problems import Unavailable
from kiban.shared.sealing import Sealer
from kiban.shared.settings import Secret

RENEWAL = timedelta(days=30)
"""How long before its end a member's certificate is asked for anew."""
PATIENCE = timedelta(seconds=30)
"""How long a starting role waits for an authority that is not up yet."""
_PAUSE = 0.2
JSON, OCSP_REQUEST = "application/json", "application/ocsp-request"
SIGNING, SEALING, CERTIFICATE, ANCHORS = (
    "member signing key",
    "member sealing key",
    "member certificate",
    "member anchors",
)
"""What a role's membership is called in its keyring."""


class AuthorityClient:
    """The authority's operations."""

    def __init__(self, http: Http | SignedHttp, origin: str) -> None:
        self._http = http
        self._origin = origin

    async def register_resident(self, resident: ResidentRegistration) -> ResidentReply:
        reply = await self._send("POST", "/residents", resident)
        return reply.read(ResidentReply)

    async def change_attributes(self, resident: ResidentRegistration) -> ChangeReply:
        reply = await self._send("POST", "/attribute-changes", resident)
        return reply.read(ChangeReply)

    async def register_card(self, card: CardRegistration) -> CardCertificates:
        reply = await self._send("POST", "/cards", card)
        return reply.read(CardCertificates)

    async def revoke_certificate(self, revocation: Revocation) -> RevocationReply:
        reply = await self._send("POST", "/revocations", revocation)
        return reply.read(RevocationReply)

    async def issue_acquisition(self, acquisition: AcquisitionRequest) -> TokenReply:
        reply = await self._send("POST", "/acquisitions", acquisition)
        return reply.read(TokenReply)

    async def list_registrations(self, after: int = 0) -> RegistrationFeed:
        reply = await self._send("GET", f"/registrations?after={after}")
        return reply.read(RegistrationFeed)

    async def verify_authentication(self, authentication: Authentication) -> AuthenticationReply:
        reply = await self._send("POST", "/authentications", authentication)
        return reply.read(AuthenticationReply)

    async def approve(self, approval: Approval) -> ApprovalTokens:
        reply = await self._send("POST", "/approvals", approval)
        return reply.read(ApprovalTokens)

    async def verify_signature(
        self, verification: SignatureVerification
    ) -> SignatureVerificationReply:
        reply = await self._send("POST", "/signatures", verification)
        return reply.read(SignatureVerificationReply)

    async def read_attributes(self, asked: AttributesRequest) -> HolderAttributes:
        reply = await self._send("POST", "/attributes", asked)
        return reply.read(HolderAttributes)

    async def enter_mandate(self, mandate: MandateEntry) -> MandateReply:
        reply = await self._send("POST", "/mandates", mandate)
        return reply.read(MandateReply)

    async def end_mandate(self, end: MandateEnd) -> MandateReply:
        reply = await self._send("POST", "/mandate-ends", end)
        return reply.read(MandateReply)

    async def list_mandates(self, asked: MandateListing) -> MandateList:
        reply = await self._send("POST", "/mandate-listings", asked)
        return reply.read(MandateList)

    async def check_mandate(self, asked: MandateQuestion) -> MandateInForce:
        reply = await self._send("POST", "/mandate-checks", asked)
        return reply.read(MandateInForce)

    async def certify_member(self, asked: MemberRequest) -> MemberCertificateReply:
        reply = await self._send("POST", "/members", asked)
        return reply.read(MemberCertificateReply)

    async def read_member(self, member: str) -> MemberCertificateReply:
        """The newest certificate of a member, and the anchors to check it by."""
        reply = await self._send("GET", f"/members/{member}")
        return reply.read(MemberCertificateReply)

    async def read_anchors(self) -> Anchors:
        reply = await self._send("GET", "/anchors")
        return reply.read(Anchors)

    async def read_issuer(self, authority: AuthorityName) -> bytes:
        """The newest certificate of an authority, DER."""
        return (await self._send("GET", f"/ca/{authority}.crt")).content

    async def read_crl(self, authority: AuthorityName, shard: str) -> bytes:
        """The newest list of revocations of one shard, DER."""
        return (await self._send("GET", f"/crl/{authority}/{shard}.crl")).content

    async def ask_status(self, authority: AuthorityName, request: bytes) -> bytes:
        """An OCSP response to an OCSP request, both DER."""
        return (await self._send("POST", f"/ocsp/{authority}", request, OCSP_REQUEST)).content

    async def read_status(self, authority: AuthorityName, request: str) -> bytes:
        """The same, the request in the address: base64, percent-encoded (RFC 6960, appendix A.1)."""
        return (await self._send("GET", f"/ocsp/{authority}/{request}")).content

    async def read_practice(self) -> str:
        """What the authorities certify, how and for how long (CPS)."""
        return (await self._send("GET", "/cps")).content.decode()

    async def list_open_intents(self, operator_key: Secret) -> OpenIntents:
        reply = await self._as_operator("/intents", operator_key)
        return reply.read(OpenIntents)

    async def list_acts(self, operator_key: Secret, after: int = 0) -> Acts:
        reply = await self._as_operator(f"/acts?after={after}", operator_key)
        return reply.read(Acts)

    async def _send(
        self, method: str, path: str, sent: BaseModel | bytes = b"", kind: str = JSON
    ) -> Reply:
        body = sent if isinstance(sent, bytes) else canonical.encode(sent.model_dump(mode="json"))
        if isinstance(self._http, SignedHttp):
            return await self._http.send(method, self._origin + path, body)
        headers = {"content-type": kind} if body else {}
        reply = await self._http.send(method, self._origin + path, content=body, headers=headers)
        return reply.raise_problem()

    async def _as_operator(self, path: str, key: Secret) -> Reply:
        if isinstance(self._http, SignedHttp):
            raise TypeError("the operator asks with a key, not as a member: give a plain Http")
        headers = {"authorization": f"Bearer {key.reveal()}"}
        reply = await self._http.send("GET", self._origin + path, headers=headers)
        return reply.raise_problem()


@dataclass(frozen=True, slots=True)
class _Keys:
    signing: ec.EllipticCurvePrivateKey
    sealing: X25519PrivateKey


@dataclass(frozen=True, slots=True)
class _Kept:
    """A membership as the keyring holds it."""

    certificate: x509.Certificate
    anchors: list[x509.Certificate]

    def lasts(self, at: datetime, margin: timedelta) -> bool:
        end = self.certificate.not_valid_after_utc - margin
        return self.certificate.not_valid_before_utc <= at < end


async def obtain_identity(
    client: AuthorityClient,
    keyring: Keyring,
    db: Database,
    *,
    member: str,
    secret: Secret,
    clock: Clock,
    seed: Secret | None = None,
    patience: timedelta = PATIENCE,
) -> tuple[Identity, list[x509.Certificate]]:
    """
    Become a member, or stay one: our identity, and the anchors by which other members are believed.

    Keys are made once and kept.  The certificate is kept too, and asked for anew when it is near its end; while it
    lasts, a role starts even when the authority is away.  With a `seed` the keys are those of `obtain_identity_ahead`.
    """
    keys = await _keys(keyring, db, seed)
    kept = await _kept(keyring, db)
    if kept is None or not kept.lasts(clock(), RENEWAL):
        try:
            reply = await _patiently(client, _asked(keys, member, secret), patience)
            kept = await _keep(reply, keyring, db)
        except Unavailable:
            if kept is None or not kept.lasts(clock(), timedelta(0)):
                raise
    return _identity(kept, keys, clock()), kept.anchors


async def obtain_identity_ahead(
    client: AuthorityClient, *, member: str, secret: Secret, seed: Secret, clock: Clock
) -> Identity:
    """The identity of a member that is not awake yet: the same keys and certificate as when it will be."""
    keys = _read_keys(_signing_key_of(seed), _sealing_key_of(seed))
    reply = await client.certify_member(_asked(keys, member, secret))
    kept = _read(encoding.decode(reply.certificate), "".join(reply.anchors).encode())
    return _identity(kept, keys, clock())


async def _keys(keyring: Keyring, db: Database, seed: Secret | None) -> _Keys:
    follow = seed if seed and seed.reveal() else None
    signing = partial(_signing_key_of, follow) if follow else _new_signing_key
    sealing = partial(_sealing_key_of, follow) if follow else _new_sealing_key
    async with db.begin() as connection:
        return _read_keys(
            await keyring.get_or_make(connection, SIGNING, signing),
            await keyring.get_or_make(connection, SEALING, sealing),
        )


def _read_keys(signing: bytes, sealing: bytes) -> _Keys:
    key = load_der_private_key(signing, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a member signs with a key on P-256")
    return _Keys(key, X25519PrivateKey.from_private_bytes(sealing))


def _new_signing_key() -> bytes:
    return _written_key(ec.generate_private_key(ec.SECP256R1()))


def _signing_key_of(seed: Secret) -> bytes:
    """The key that follows from a seed: a number below the curve's order, with 128 bits to spare (FIPS 186-5, A.2)."""
    number = int.from_bytes(_following(seed, b"member signing key", 48))
    return _written_key(ec.derive_private_key(number % (points.ORDER - 1) + 1, ec.SECP256R1()))


def _sealing_key_of(seed: Secret) -> bytes:
    return _following(seed, b"member sealing key", 32)


def _following(seed: Secret, info: bytes, length: int) -> bytes:
    derived = HKDF(hashes.SHA256(), length, salt=None, info=b"kiban " + info)
    return derived.derive(seed.reveal().encode())


def _written_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _new_sealing_key() -> bytes:
    return X25519PrivateKey.generate().private_bytes_raw()


async def _kept(keyring: Keyring, db: Database) -> _Kept | None:
    async with db.read() as connection:
        certificate = await keyring.get(connection, CERTIFICATE)
        anchors = await keyring.get(connection, ANCHORS)
    if certificate is None or anchors is None:
        return None
    return _read(certificate, anchors)


async def _keep(reply: MemberCertificateReply, keyring: Keyring, db: Database) -> _Kept:
    certificate, anchors = encoding.decode(reply.certificate), "".join(reply.anchors).encode()
    async with db.begin() as connection:
        await keyring.replace(connection, CERTIFICATE, certificate)
        await keyring.replace(connection, ANCHORS, anchors)
    return _read(certificate, anchors)


def _read(certificate: bytes, anchors: bytes) -> _Kept:
    return _Kept(
        x509.load_der_x509_certificate(certificate), x509.load_pem_x509_certificates(anchors)
    )


def _asked(keys: _Keys, member: str, secret: Secret) -> MemberRequest:
    return MemberRequest(
        member=member,
        secret=secret.reveal(),
        signing_request=encoding.encode(signing_request(member, keys.signing)),
        sealing_key=keys.sealing.public_key().public_bytes_raw().hex(),
    )


async def _patiently(
    client: AuthorityClient, asked: MemberRequest, patience: timedelta
) -> MemberCertificateReply:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    while True:
        try:
            return await client.certify_member(asked)
        except Unavailable:
            if loop.time() >= end:
                raise
        await asyncio.sleep(_PAUSE)


def signing_request(member: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A PKCS#10 request: it proves that whoever asks has the private key.  DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, member)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def _identity(kept: _Kept, keys: _Keys, at: datetime) -> Identity:
    der = kept.certificate.public_bytes(Encoding.DER)
    member: Member = members.read(der, anchors=kept.anchors, at=at)
    return Identity(member, keys.signing, Sealer(member.id, keys.sealing))
