"""
Signed notes: a few lines of text with signatures below, which people can read and programs can check.

A checkpoint (the log's origin, size and root) is such a note, signed by the log; a witness who has seen that the log
only grew adds a cosignature with the time.  A signature of a key that is not known says nothing and is passed over; a
known key's signature that does not hold condemns the note.

Refused: text, keys and signatures that are not written exactly as specified; a note without the wanted signature.
Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature; RFC 8032.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiban.mesh.merkle import HASH_SIZE, LARGEST_SIZE
from kiban.shared.problems import Problem

ED25519, COSIGNATURE = 0x01, 0x04
"""Signature types: over the text, and over the text with the time of a witness."""
LONGEST = 64 * 1024
MOST_SIGNATURES = 64

_ID_SIZE, _KEY_SIZE, _TIME_SIZE = 4, 32, 8
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteRefused(Problem):
    slug, title, status = "note-refused", "The signed note does not hold", 400


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name under which it signs notes; its text form is the `vkey`."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind not in {ED25519, COSIGNATURE} or len(self.public) != _KEY_SIZE:
            raise NoteRefused("only Ed25519 keys of types 0x01 and 0x04 are known here")

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey, kind: int = ED25519) -> Self:
        return cls(name, kind, key.public_key().public_bytes_raw())

    @classmethod
    def read(cls, text: str) -> Self:
        try:
            name, key_id, encoded = text.split("+", 2)
        except ValueError:
            raise NoteRefused("a verifier key reads NAME+ID+KEY") from None
        raw = _decode(encoded)
        key = cls(name, raw[0] if raw else 0, raw[1:])
        if key_id != key.id.hex():
            raise NoteRefused("the verifier key's id is not its own", expected=key.id.hex())
        return key

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys apart; they protect nothing."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(named).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encode(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose, by which key, and the signature itself."""

    name: str
    key_id: bytes
    value: bytes

    @classmethod
    def read(cls, line: str) -> Self:
        try:
            dash, name, encoded = line.split(" ")
        except ValueError:
            raise NoteRefused("a signature line has three parts") from None
        raw = _decode(encoded)
        if dash != "—" or len(raw) <= _ID_SIZE:
            raise NoteRefused("a signature line reads — NAME SIGNATURE")
        _check_name(name)
        return cls(name, raw[:_ID_SIZE], raw[_ID_SIZE:])

    def __str__(self) -> str:
        return f"— {self.name} {_encode(self.key_id + self.value)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures; nothing is verified by reading one."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def read(cls, written: str) -> Self:
        if len(_utf8(written)) > LONGEST or _CONTROL.search(written):
            raise NoteRefused("a note is short and has no control characters")
        text, blank, below = written.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise NoteRefused("a note is text, an empty line and signature lines")
        lines = below[:-1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise NoteRefused(f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(Signature.read, lines)))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{signature}\n" for signature in self.signatures)

    def sign(self, name: str, key: Ed25519PrivateKey) -> Self:
        """The note with one signature more."""
        verifier = VerifierKey.of(name, key)
        return self._with(Signature(name, verifier.id, key.sign(_utf8(self.text))))

    def cosign(self, name: str, key: Ed25519PrivateKey, *, at: datetime) -> Self:
        """The note with a witness's cosignature more."""
        verifier = VerifierKey.of(name, key, COSIGNATURE)
        seconds = int(at.timestamp())
        value = seconds.to_bytes(_TIME_SIZE, "big") + key.sign(self._cosigned(seconds))
        return self._with(Signature(name, verifier.id, value))

    def add(self, line: str, key: VerifierKey) -> Self:
        """The note with somebody's signature line more, if that key made it."""
        signature = Signature.read(line)
        replace(self, signatures=(signature,)).verify(key)
        return self._with(signature)

    def verify(self, key: VerifierKey) -> None:
        """Return silently if this key signed the text, and no line of its own is false."""
        if not self._by(key):
            raise NoteRefused(f"{key.name} has not signed this note with the key that is known")
        for signature in self._by(key):
            signed, value = _utf8(self.text), signature.value
            if key.kind == COSIGNATURE:
                signed, value = self._cosigned(_time(value)), value[_TIME_SIZE:]
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(value, signed)
            except InvalidSignature:
                raise NoteRefused(f"the signature of {key.name} does not hold") from None

    def cosigned_at(self, witness: VerifierKey) -> int:
        """When the witness last saw the log like this, in seconds since 1970; refused if it has not."""
        self.verify(witness)
        return max(_time(signature.value) for signature in self._by(witness))

    def _by(self, key: VerifierKey) -> list[Signature]:
        return [
            signature
            for signature in self.signatures
            if (signature.name, signature.key_id) == (key.name, key.id)
        ]

    def _with(self, signature: Signature) -> Self:
        if signature in self.signatures:
            return self
        return replace(self, signatures=(*self.signatures, signature))

    def _cosigned(self, seconds: int) -> bytes:
        return _utf8(f"cosignature/v1\ntime {seconds}\n{self.text}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        lines = text.split("\n")
        if len(lines) != _LINES or lines[-1]:
            raise NoteRefused("a checkpoint of this log has three lines: origin, size, root")
        origin, size, encoded, _ = lines
        root = _decode(encoded)
        if not origin or not _DECIMAL.fullmatch(size) or len(root) != HASH_SIZE:
            raise NoteRefused("a checkpoint reads ORIGIN, SIZE in digits, ROOT in base64")
        if int(size) > LARGEST_SIZE:
            raise NoteRefused("no log is that large")
        return cls(origin, int(size), root)

    @classmethod
    def open(cls, written: str, log: VerifierKey) -> Self:
        """The head that a note states, if the log signed it as its own."""
        note = Note.read(written)
        note.verify(log)
        checkpoint = cls.read(note.text)
        if checkpoint.origin != log.name:
            raise NoteRefused("the checkpoint is of another log", expected=log.name)
        return checkpoint

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"

    def sign(self, key: Ed25519PrivateKey) -> Note:
        return Note(str(self), ()).sign(self.origin, key)


_LINES = 4  # the last one empty


def _check_name(name: str) -> None:
    _utf8(name)
    if not name or "+" in name or any(map(str.isspace, name)):
        raise NoteRefused("a key's name has no spaces and no plus", sent=name[:100])


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise NoteRefused("a note is UTF-8") from None


def _time(value: bytes) -> int:
    return int.from_bytes(value[:_TIME_SIZE], "big")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    """The bytes of a canonical base64 text: no other text stands for them."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or _encode(data) != text:
        raise NoteRefused("not canonical base64")
    return data
