"""`openssl ocsp` as a responder for one certificate, to measure beside; it answers one connection after the other."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.bench.processes import Served


@contextmanager
def openssl(place: Path, port: int) -> Iterator[tuple[Served, x509.Certificate, x509.Certificate]]:
    """The responder's process, the certificate that it knows, and its issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, known = _certificate(key, "issuer", 1), _certificate(key, "somebody", 2)
    (place / "issuer.pem").write_bytes(issuer.public_bytes(Encoding.PEM))
    (place / "issuer.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (place / "index.txt").write_text("V\t491231235959Z\t\t02\tunknown\t/CN=somebody\n")
    command = [
        *("openssl", "ocsp", "-index", "index.txt", "-port", str(port), "-ignore_err"),
        *("-CA", "issuer.pem", "-rsigner", "issuer.pem", "-rkey", "issuer.key"),
    ]
    process = subprocess.Popen(
        command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    served = Served("openssl", process)
    try:
        _wait_for(port)
        yield served, known, issuer
    finally:
        served.stop()


def _certificate(key: ec.EllipticCurvePrivateKey, name: str, serial: int) -> x509.Certificate:
    at = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("issuer"))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(at)
        .not_valid_after(at + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("openssl ocsp did not start")
