"""
Certificate status (OCSP): what the authority answers in a second, and in a second of its core.

Asked about a certificate in force, by POST and by GET, without a nonce (the answer is remembered for minutes) and with
one (each is signed anew).  Beside it: a raw ASGI application that answers as many bytes without looking, which is what
the server below allows.
"""

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from kiban.deploy.embedded import free_port_base
from kiban.identity.authority.client import AuthorityClient
from kiban.shared import members
from tests.bench import limits, machine, wire
from tests.bench.measure import Row, Section, loop
from tests.bench.plan import Plan
from tests.bench.processes import Postgres, bare, deployment

TASKS = 16
VARIES = 8
KIND = {"content-type": "application/ocsp-request"}
Request = Callable[[str, int], bytes]
"""The bytes of a request to a host, the n-th one."""


class WrongStatus(Exception):  # noqa: N818  what came
    """The answer does not say that the certificate is in force."""


async def run(plan: Plan, server: Postgres, place: Path) -> list[Section]:
    section = Section(f"certificate status, {TASKS} at a time")
    async with deployment(place, server) as country:
        await country.start("authority", "core")
        client = AuthorityClient(country.house.http, country.house.origin("authority"))
        certificate = await _certificate(client, "core")
        issuer = x509.load_der_x509_certificate(await client.read_issuer("organisation"))
        country.stop("core")
        der = _question(certificate, issuer)
        path, origin = urlsplit(_address(certificate)).path, country.house.origin("authority")
        pids = country.pids()
        for what, ask in _ways(path, certificate, issuer).items():
            section.rows.append(await _asked(plan, f"kiban, {what}", origin, ask, pids))
        reply = await _one(origin, path, der)
    constant = await _constant(plan, len(reply), path, der)
    section.rows.append(constant)
    section.notes.append(_ratio(section.rows[0], constant))
    return [section]


async def _certificate(client: AuthorityClient, member: str) -> x509.Certificate:
    reply = await client.read_member(member)
    return x509.load_der_x509_certificate(members.load(reply.certificate))


def _address(certificate: x509.Certificate) -> str:
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    [where] = [
        each.access_location.value
        for each in access.value
        if each.access_method == AuthorityInformationAccessOID.OCSP
    ]
    return str(where)


def _question(
    certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None = None
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _ways(path: str, certificate: x509.Certificate, issuer: x509.Certificate) -> dict[str, Request]:
    der = _question(certificate, issuer)
    encoded = quote(base64.b64encode(der).decode(), safe="")
    fresh = [_question(certificate, issuer, os.urandom(16)) for _ in range(1000)]
    return {
        "by POST": lambda host, _: wire.request("POST", path, host, der, KIND),
        "by GET": lambda host, _: wire.request("GET", f"{path}/{encoded}", host),
        "signed each time (nonce)": lambda host, n: wire.request(
            "POST", path, host, fresh[n % len(fresh)], KIND
        ),
    }


async def _one(origin: str, path: str, der: bytes) -> bytes:
    async with wire.line(origin) as line:
        return (await line.ask(wire.request("POST", path, line.host, der, KIND))).body


async def _asked(plan: Plan, what: str, origin: str, ask: Request, pids: machine.Pids) -> Row:
    async with wire.line(origin) as line:
        first = (await line.ask(ask(line.host, 0))).body

        async def one(number: int) -> None:
            heard = await line.ask(ask(line.host, number))
            # An ECDSA signature's encoding varies by a few bytes.
            if heard.status != 200 or abs(len(heard.body) - len(first)) > VARIES:
                raise WrongStatus(heard.status)

        _check_good(first)
        found = await loop(one, tasks=TASKS, seconds=plan.pick(4.0, 1.5), pids=pids)
    return found.row(what)


def _check_good(der: bytes) -> None:
    if der.strip(b"\0") and ocsp.load_der_ocsp_response(der).certificate_status.name != "GOOD":
        raise WrongStatus("another status")


async def _constant(plan: Plan, size: int, path: str, der: bytes) -> Row:
    port = free_port_base()
    with bare("tests.bench.status", str(port), str(size)) as served:
        pids: machine.Pids = {"bare": served.pids, **machine.ourselves()}
        return await _asked(
            plan,
            f"bare: raw ASGI, {size} bytes",
            f"http://127.0.0.1:{port}",
            lambda host, _: wire.request("POST", path, host, der, KIND),
            pids,
        )


def _ratio(ours: Row, limit: Row) -> str:
    return (
        f"by POST {ours.rate / limit.rate:.2f} of the bare server's rate,"
        f" at {ours.server_us / max(limit.server_us, 1e-9):.1f} times its processor time"
    )


def constant(size: int):
    """A raw ASGI application that answers so many bytes to everybody."""
    body = bytes(size)
    headers = [
        (b"content-type", b"application/ocsp-response"),
        (b"content-length", str(size).encode()),
    ]

    async def app(scope, receive, send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    limits.serve(constant(int(sys.argv[2])), int(sys.argv[1]))
