"""
Transport: how the roles of one deployment meet on the wire, where it speaks TLS.

Each role shows its certificate to whoever calls it and to whomever it calls, and talks to nobody who shows none.  It
proves where in the deployment somebody runs, not which member somebody is: requests are signed besides.

Refused: TLS before 1.3, no certificate, a certificate of another authority, a name that was not called.
Nothing of the country is imported here, because `health` runs it every few seconds.
Sources: RFC 8446; DESIGN 5.8; decision 0015.
"""

import ssl
from pathlib import Path

ROOT = "transport-root"
"""The certificate of the deployment's own authority for this; everybody has it."""


def own(name: str) -> str:
    """Name the file with a role's key and certificate; `name` is the role's, as a host may be called."""
    return f"transport-{name}"


def hosts(name: str) -> tuple[str, ...]:
    """Say by what names a role is called: by itself, and by others in the network where roles meet."""
    return name, f"{name}-mesh"


def answering(secrets: Path, name: str) -> ssl.SSLContext:
    """Give what a role listens with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _equipped(context, secrets, name)


def calling(secrets: Path, name: str) -> ssl.SSLContext:
    """Give what a role calls others with; whether they bear the name that was called is checked by default."""
    return _equipped(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), secrets, name)


def _equipped(context: ssl.SSLContext, secrets: Path, name: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(secrets / ROOT)
    context.load_cert_chain(secrets / own(name))
    return context
