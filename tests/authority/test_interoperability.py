"""
Other people's verifiers: OpenSSL and GnuTLS read what the authority issues, and agree with it.

The binaries are the system's; where one is missing its tests are skipped with a line that says so, unless KIBAN_REQUIRE
names it.  The machine's own time is used, because these programs know no other.
"""

import asyncio
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.deploy.embedded import Role, serving
from kiban.identity.authority.app import create_app
from kiban.identity.authority.contract import CardRegistration, Revocation
from kiban.shared import encoding
from kiban.shared.clock import Clock
from tests.authority.builders import ORIGIN, TARO, resident, settings
from tests.authority.conftest import MEMBERS, Running

SIGNATURE, AUTHENTICATION, ORGANISATION = "2.999.392.1.1", "2.999.392.1.3", "2.999.392.1.4"


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if name in os.environ.get("KIBAN_REQUIRE", ""):
            raise FileNotFoundError(name)
        pytest.skip(f"NO {name.upper()} HERE: what the authority issues is not tried with it")
    return found


@pytest.fixture
def engine() -> str:
    """One is enough: these programs see no database."""
    return "sqlite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Files:
    """What a verifier has been given, as files."""

    place: Path
    running: Running

    def write(self, name: str, content: bytes) -> Path:
        path = self.place / name
        path.write_bytes(content)
        return path

    def issuer(self, authority: str) -> Path:
        root = self.running.office.issuers.of(authority)[0].certificate
        return self.write(f"{authority}.pem", root.public_bytes(Encoding.PEM))

    def leaf(self, card, kind: str) -> Path:
        return self.write(f"{kind}-leaf.pem", card.certificate(kind).public_bytes(Encoding.PEM))

    async def crl(self, certificate: x509.Certificate) -> Path:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
        reply = await self.running.http.send("GET", points.value[0].full_name[0].value)
        read = x509.load_der_x509_crl(reply.raise_problem().content)
        return self.write(f"{len(read)}.crl", read.public_bytes(Encoding.PEM))


def run(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [tool(str(words[0])), *(str(word) for word in words[1:])]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture
async def files(start, tmp_path, card) -> Files:
    """An authority that knows Hanako, and her card."""
    running = await start(*MEMBERS)
    await running.registrar.register_resident(resident())
    await running.issues(card)
    return Files(tmp_path, running)


async def revoke(files, card, kind="signature"):
    revocation = Revocation(authority=kind, serial=card.serial(kind), event="compromise")
    await files.running.registrar.revoke_certificate(revocation)


KINDS = ["signature", "authentication"]


@pytest.mark.parametrize("kind", KINDS)
async def test_openssl_verifies_strictly_and_with_the_list(files, card, kind):
    issuer, leaf = files.issuer(kind), files.leaf(card, kind)
    strict = ("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", issuer)

    good = run(*strict, "-CRLfile", await files.crl(card.certificate(kind)), leaf)
    await revoke(files, card, kind)
    revoked = run(*strict, "-CRLfile", await files.crl(card.certificate(kind)), leaf)

    assert good.returncode == 0, said(good)
    assert revoked.returncode != 0
    assert "certificate revoked" in said(revoked)


@pytest.mark.parametrize(
    ("kind", "policy"), [("signature", SIGNATURE), ("authentication", AUTHENTICATION)]
)
async def test_openssl_demands_the_policy(files, card, kind, policy):
    explicit = ("openssl", "verify", "-x509_strict", "-explicit_policy", "-policy_check")
    rest = ("-CAfile", files.issuer(kind), files.leaf(card, kind))

    right = run(*explicit, "-policy", policy, *rest)
    wrong = run(*explicit, "-policy", ORGANISATION, *rest)

    assert right.returncode == 0, said(right)
    assert "error 43" in said(wrong)


async def test_openssl_verifies_a_members_certificate(files):
    der = files.running.identities["tax"].member.certificate
    member = x509.load_der_x509_certificate(der)
    leaf = files.write("tax.pem", member.public_bytes(Encoding.PEM))

    done = run(
        "openssl",
        "verify",
        "-x509_strict",
        "-explicit_policy",
        "-policy_check",
        "-policy",
        ORGANISATION,
        "-crl_check",
        "-CRLfile",
        await files.crl(member),
        "-CAfile",
        files.issuer("organisation"),
        leaf,
    )

    assert done.returncode == 0, said(done)


async def openssl_asks(files, card, kind, *options, serial=None):
    """OpenSSL makes the question, the application answers, OpenSSL reads the answer."""
    issuer = files.issuer(kind)
    about = ("-serial", serial) if serial else ("-cert", files.leaf(card, kind))
    question, answer = files.place / "question.der", files.place / "answer.der"
    made = run("openssl", "ocsp", "-issuer", issuer, *options, *about, "-reqout", question)
    assert question.exists(), said(made)
    answer.write_bytes(await files.running.public.ask_status(kind, question.read_bytes()))
    return run(
        "openssl",
        "ocsp",
        "-no_nonce",  # no other one than the question's
        "-issuer",
        issuer,
        *options,
        *about,
        "-reqin",
        question,
        "-respin",
        answer,
        "-CAfile",
        issuer,
    )


@pytest.mark.parametrize("options", [(), ("-sha256",), ("-no_nonce",)])
@pytest.mark.parametrize("kind", KINDS)
async def test_openssl_reads_good_and_revoked(files, card, kind, options):
    good = await openssl_asks(files, card, kind, *options)
    await revoke(files, card, kind)
    revoked = await openssl_asks(files, card, kind, *options)

    assert "Response verify OK" in said(good)
    assert f"{kind}-leaf.pem: good" in said(good)
    assert "Response verify OK" in said(revoked)
    assert f"{kind}-leaf.pem: revoked" in said(revoked)
    assert "keyCompromise" in said(revoked)
    assert "WARNING" not in said(good), "the nonce did not come back"


async def test_openssl_reads_unknown(files, card):
    unknown = await openssl_asks(files, card, "signature", serial="0x1234")

    assert "Response verify OK" in said(unknown)
    assert "0x1234: unknown" in said(unknown)


async def test_openssl_asks_over_a_socket(files, card):
    """The same through a listener, from another copy of the role, by POST as OpenSSL does it."""
    issuer, leaf = files.issuer("signature"), files.leaf(card, "signature")
    origin = f"http://127.0.0.1:{free_port()}"
    copy = create_app(settings(), db=files.running.db, clock=files.running.clock)
    address = run("openssl", "x509", "-in", leaf, "-noout", "-ocsp_uri").stdout.decode().strip()
    ask = ("openssl", "ocsp", "-issuer", issuer, "-cert", leaf, "-CAfile", issuer, "-url")
    async with serving([Role("authority", origin, copy)]):
        good = await asyncio.to_thread(run, *ask, address.replace(ORIGIN, origin))
        await revoke(files, card)
        revoked = await asyncio.to_thread(run, *ask, address.replace(ORIGIN, origin))

    assert "Response verify OK" in said(good)
    assert "leaf.pem: good" in said(good)
    assert "leaf.pem: revoked" in said(revoked)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_gnutls_verifies_with_the_list(files, card, kind):
    leaf = files.leaf(card, kind).read_bytes()
    verify = ("certtool", "--verify", "--load-ca-certificate", files.issuer(kind), "--load-crl")

    good = run(*verify, await files.crl(card.certificate(kind)), stdin=leaf)
    await revoke(files, card, kind)
    revoked = run(*verify, await files.crl(card.certificate(kind)), stdin=leaf)

    assert good.returncode == 0, said(good)
    assert "Verified. The certificate is trusted" in said(good)
    assert revoked.returncode != 0
    assert "revoked" in said(revoked)


@pytest.mark.parametrize("kind", KINDS)
async def test_gnutls_reads_good_and_revoked(files, card, kind):
    good = await gnutls_asks(files, card, kind)
    await revoke(files, card, kind)
    revoked = await gnutls_asks(files, card, kind)

    assert "Certificate Status: good" in said(good)
    assert "Certificate Status: revoked" in said(revoked)


async def gnutls_asks(files, card, kind):
    """GnuTLS makes the question, checks the answer's signature and shows it."""
    issuer, leaf = files.issuer(kind), files.leaf(card, kind)
    question, answer = files.place / "question.der", files.place / "answer.der"
    for old in (question, answer):
        old.unlink(missing_ok=True)
    made = run(
        "ocsptool",
        "--generate-request",
        "--load-issuer",
        issuer,
        "--load-cert",
        leaf,
        "--nonce",
        "--outfile",
        question,
    )
    assert question.exists(), said(made)
    answer.write_bytes(await files.running.public.ask_status(kind, question.read_bytes()))
    verified = run(
        "ocsptool",
        "--verify-response",
        "--load-response",
        answer,
        "--load-trust",
        issuer,
        "--inder",
    )
    assert "Verifying OCSP Response: Success" in said(verified), said(verified)
    return run("ocsptool", "--response-info", "--load-response", answer, "--inder")


async def test_openssl_verifies_what_a_card_has_signed(files, card):
    message = files.write("application.json", b'{"applied":"for"}')
    signed = card.signature.sign(message.read_bytes(), padding.PKCS1v15(), hashes.SHA256())
    leaf, signature = files.leaf(card, "signature"), files.write("signature.bin", signed)
    key = files.write("key.pem", run("openssl", "x509", "-in", leaf, "-noout", "-pubkey").stdout)

    done = run("openssl", "dgst", "-sha256", "-verify", key, "-signature", signature, message)

    assert "Verified OK" in said(done)


async def test_a_card_that_openssl_personalised_is_certified(files, tmp_path):
    running = files.running
    await running.registrar.register_resident(resident(TARO))
    requests = [await asyncio.to_thread(openssl_request, tmp_path, name) for name in KINDS]

    certificates = await running.registrar.register_card(
        CardRegistration(
            resident_record_code=TARO,
            authentication_request=requests[0],
            signature_request=requests[1],
            card_expires="2035-05-17",
        )
    )

    assert certificates.signature


def openssl_request(place: Path, name: str) -> str:
    key, request = place / f"{name}.key", place / f"{name}.csr"
    made = run(
        "openssl",
        *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key),
        *("-subj", f"/CN={name}", "-outform", "DER", "-out", request),
    )
    assert made.returncode == 0, said(made)
    return encoding.encode(request.read_bytes())
