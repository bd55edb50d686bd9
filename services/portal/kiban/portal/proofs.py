"""
Proofs: that a line of the history is really in the log, checked by the portal itself.

The log is a tree of hashes; its root, signed in a checkpoint, stands for every record that was ever logged.  A proof
is the handful of hashes beside a leaf's way to the root.  The portal does not take its gateway's word for it: it
computes the root from the leaf and compares it with the root that the log signed.

Refused: a proof that does not lead to the signed root, is of another leaf or size, or a checkpoint that the log's
key did not sign (`ProofRefused`).
Sources: RFC 9162, section 2.1.3.2; C2SP signed-note and tlog-checkpoint.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiban.portal.contract import ProofRefused

_ED25519 = b"\x01"
_HASH = 32
_KEY_ID = 4


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A proof as it came from the log."""

    leaf: str
    index: int
    size: int
    path: tuple[str, ...]
    checkpoint: str

    def document(self) -> dict[str, object]:
        """The same as a file, for whoever checks it with a program of their own."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log signed: its name, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: str
    signed_by: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A proof that holds."""

    inclusion: Inclusion
    checkpoint: Checkpoint
    log_key: str
    """The key under which the checkpoint was verified."""


def verify(inclusion: Inclusion, *, leaf: str, log_key: str) -> Verified:
    """Check the proof of this leaf against a checkpoint that the log's key signed."""
    if inclusion.leaf != leaf:
        raise ProofRefused("the proof is of another leaf")
    checkpoint = read_checkpoint(inclusion.checkpoint, log_key)
    if checkpoint.size != inclusion.size:
        raise ProofRefused("proof and checkpoint are of trees of different sizes")
    computed = root(inclusion)
    if computed != checkpoint.root:
        raise ProofRefused(f"leaf {inclusion.index} and its path do not lead to the signed root")
    return Verified(inclusion, checkpoint, log_key)


def root(inclusion: Inclusion) -> str:
    """
    Compute the root from the leaf and the hashes beside its way up (RFC 9162, section 2.1.3.2).

    `here` and `last` are the places, on each level, of our node and of the rightmost one.  A rightmost node without
    a neighbour goes up as it is.
    """
    here, last = inclusion.index, inclusion.size - 1
    if not 0 <= here <= last:
        raise ProofRefused(f"there is no leaf {here} in a tree of {inclusion.size}")
    computed = _hash(inclusion.leaf)
    for beside in map(_hash, inclusion.path):
        if last == 0:
            raise ProofRefused("the path is longer than the tree is high")
        if here % 2 or here == last:
            computed = _node(beside, computed)
            while not here % 2 and here:
                here, last = here // 2, last // 2
        else:
            computed = _node(computed, beside)
        here, last = here // 2, last // 2
    if last:
        raise ProofRefused("the path is shorter than the tree is high")
    return computed.hex()


def read_checkpoint(note: str, log_key: str) -> Checkpoint:
    """Read a checkpoint that this key signed."""
    name, key_id, key = _verifier(log_key)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isascii() or not lines[1].isdigit():  # noqa: PLR2004
        raise ProofRefused("this is no checkpoint")
    _check_signed(text, signatures.splitlines(), name, key_id, key)
    return Checkpoint(lines[0], int(lines[1]), _decoded(lines[2], _HASH).hex(), name)


def _check_signed(
    text: str, signatures: Sequence[str], name: str, key_id: bytes, key: Ed25519PublicKey
) -> None:
    for line in signatures:
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.partition(" ")
        signature = _decoded(encoded) if (dash, signer) == ("—", name) else b""
        if signature[:_KEY_ID] != key_id:
            continue  # a witness's, or another key's
        try:
            key.verify(signature[_KEY_ID:], text.encode())
        except InvalidSignature:
            raise ProofRefused("the checkpoint's signature does not hold") from None
        return
    raise ProofRefused(f"the checkpoint is not signed by {name}")


def _verifier(log_key: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Take a verifier key apart: name, key id and Ed25519 key (C2SP signed-note)."""
    name, _, rest = log_key.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _decoded(encoded, 1 + _HASH)
    computed = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:_KEY_ID]
    if raw[:1] != _ED25519 or key_id != computed.hex():
        raise ProofRefused("the log's key is not an Ed25519 verifier key")
    return name, computed, Ed25519PublicKey.from_public_bytes(raw[1:])


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _hash(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != _HASH:
        raise ProofRefused("a hash has 64 hexadecimal digits")
    return raw


def _decoded(text: str, length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofRefused("a part of the checkpoint is not base64") from None
    if length is not None and len(raw) != length:
        raise ProofRefused(f"a part of the checkpoint has not {length} bytes")
    return raw
