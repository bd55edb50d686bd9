"""
Health: does the role of this container answer?  Asked as its neighbours ask, by its name and with its certificate.

The container's engine runs `python -m kiban.deploy.health` every few seconds.
"""

import os
import socket
from http.client import OK, HTTPSConnection
from pathlib import Path

from kiban.deploy import transport

PORT = 8000
PATIENCE = 5.0  # seconds


def check() -> None:
    """Return once the role has answered, or raise what is in the way."""
    name = socket.gethostname()
    tls = transport.calling(Path(os.environ["KIBAN_SECRETS"]), name)
    connection = HTTPSConnection(name, PORT, timeout=PATIENCE, context=tls)
    connection.request("GET", "/health")
    status = connection.getresponse().status
    if status != OK:
        raise ConnectionError(f"{name} answers {status}")


if __name__ == "__main__":
    check()
