"""
Check the log without trusting it: one file that stands alone, for a citizen or an auditor.

    python verifier.py inclusion PROOF.json --key KEY --body BODY
    python verifier.py consistency OLD NEW PROOF.json --key KEY
    python verifier.py follow URL FILE --key KEY

`inclusion` tells whether what was logged (BODY) is in the tree that the log has signed; `consistency` whether a newer
signed tree only adds to an older one, so that nothing was taken out or changed; `follow` keeps the last signed tree in
FILE and tells the same of what the log publishes now.  KEY is the log's verifier key, from a source that you trust
more than the log; each --witness KEY must have cosigned too.  It ends with 0 if all holds, else with 1 and the reason.

Needs Python and `cryptography`, and nothing else of Kiban.
Sources: RFC 9162, section 2.1; c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles.
"""

import argparse
import base64
import hashlib
import json
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COSIGNATURE = 4  # the signature type of witnesses, who sign the time as well
WIDTH = 256  # hashes in a full tile


class Refused(Exception):  # noqa: N818  what is said is a refusal
    """The reason why something does not hold."""


@dataclass(frozen=True)
class Key:
    name: str
    key_id: bytes
    kind: int
    public: Ed25519PublicKey


@dataclass(frozen=True)
class Head:
    """What the log signed: that its tree of so many leaves has this root."""

    origin: str
    size: int
    root: bytes


def read_key(vkey: str) -> Key:
    name, key_id, encoded = vkey.split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    computed = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if bytes.fromhex(key_id) != computed:
        raise Refused(f"this is not a verifier key: {vkey}")
    return Key(name, computed, raw[0], Ed25519PublicKey.from_public_bytes(raw[1:]))


def check_signed(note: str, key: Key) -> int:
    """Check that the key signed the note; give the time that a witness put to it, else 0."""
    text, _, lines = note.rpartition("\n\n")
    mine = [line.split(" ")[2] for line in lines.split("\n") if line.startswith(f"— {key.name} ")]
    values = [value[4:] for value in map(base64.b64decode, mine) if value[:4] == key.key_id]
    if not values:
        raise Refused(f"the checkpoint is not signed by {key.name}")
    seconds = 0
    for value in values:
        signed, signature = f"{text}\n", value
        if key.kind == COSIGNATURE:
            seconds, signature = int.from_bytes(value[:8], "big"), value[8:]
            signed = f"cosignature/v1\ntime {seconds}\n{text}\n"
        try:
            key.public.verify(signature, signed.encode())
        except InvalidSignature:
            raise Refused(f"the signature of {key.name} on the checkpoint is false") from None
    return seconds


def open_checkpoint(note: str, log: Key, witnesses: Sequence[Key] = ()) -> Head:
    check_signed(note, log)
    origin, size, root, *_ = note.split("\n")
    head = Head(origin, int(size), base64.b64decode(root, validate=True))
    if head.origin != log.name or not 0 <= head.size < 2**63:
        raise Refused(f"the checkpoint is of {origin}, not of {log.name}")
    for witness in witnesses:
        seen = datetime.fromtimestamp(check_signed(note, witness), UTC)
        say(f"{witness.name} has seen this tree, at {seen:%Y-%m-%d %H:%M} UTC.")
    return head


def above(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def left_part(size: int) -> int:
    """Where a tree of this size splits: the largest power of two that is smaller."""
    return 1 << (size - 1).bit_length() - 1


def leaf_of(body: bytes) -> bytes:
    """A leaf stands for the hash of what was logged."""
    return hashlib.sha256(b"\x00" + hashlib.sha256(body).digest()).digest()


def root_over(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which a leaf and its path lead, computed from the root downwards."""
    if size == 1:
        return leaf if not path else _wrong_length()
    *below, beside = path or [_wrong_length()]
    left = left_part(size)
    if index < left:
        return above(root_over(leaf, index, left, below), beside)
    return above(beside, root_over(leaf, index - left, size - left, below))


def verify_inclusion(leaf: bytes, index: int, head: Head, path: list[bytes]) -> None:
    if not 0 <= index < head.size:
        raise Refused(f"a tree of {head.size} leaves has no leaf number {index}")
    if root_over(leaf, index, head.size, path) != head.root:
        raise Refused("the proof does not lead from the leaf to the root that the log signed")


def roots_over(first: int, second: int, path: list[bytes], known: bytes | None) -> list[bytes]:
    """The older and the newer root to which a proof leads; `known` is the older one at the left edge."""
    if first == second:
        given = path if known is None else [known, *path]
        return [*given, *given] if len(given) == 1 else [_wrong_length()]
    *below, beside = path or [_wrong_length()]
    left = left_part(second)
    if first <= left:
        old, new = roots_over(first, left, below, known)
        return [old, above(new, beside)]
    old, new = roots_over(first - left, second - left, below, None)
    return [above(beside, old), above(beside, new)]


def verify_consistency(old: Head, new: Head, path: list[bytes]) -> None:
    if old.size > new.size:
        raise Refused(f"the log has shrunk from {old.size} to {new.size} leaves")
    if old.size == new.size and old.root != new.root:
        raise Refused(f"the log has forked: it signed two different trees of {old.size} leaves")
    if old.size == 0 and old.root != hashlib.sha256().digest():
        raise Refused("a tree without leaves has another root")
    if old.size and roots_over(old.size, new.size, path, old.root) != [old.root, new.root]:
        raise Refused(
            "the newer tree is not shown to begin with the older one: a change, or no proof"
        )


def prove_consistency(first: int, second: int, read: Callable[[int, int], bytes]) -> list[bytes]:
    """Make the proof ourselves; `read(level, index)` gives the hash of a complete subtree."""

    def tree(start: int, end: int) -> bytes:
        level = (end - start - 1).bit_length()
        if end - start == 1 << level:
            return read(level, start >> level)
        middle = start + left_part(end - start)
        return above(tree(start, middle), tree(middle, end))

    def proof(start: int, end: int) -> list[bytes]:
        if end == first:
            return [tree(start, end)] if start else []
        middle = start + left_part(end - start)
        if first <= middle:
            return [*proof(start, middle), tree(middle, end)]
        return [*proof(middle, end), tree(start, middle)]

    return proof(0, second) if 0 < first < second else []


class Tiles:
    """The published tiles of a tree of this size."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.size = size
        self.fetched: dict[str, bytes] = {}

    def read(self, level: int, index: int) -> bytes:
        level, inside = divmod(level, 8)
        number, first = divmod(index << inside, WIDTH)
        tile = self.tile(level, number)
        hashes = [tile[32 * at : 32 * at + 32] for at in range(first, first + (1 << inside))]
        while len(hashes) > 1:
            hashes = [above(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
        return hashes[0]

    def tile(self, level: int, number: int) -> bytes:
        width = min(WIDTH, (self.size >> 8 * level) - number * WIDTH)
        path = f"{number % 1000:03}"
        while number := number // 1000:
            path = f"x{number % 1000:03}/{path}"
        path = f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")
        if path not in self.fetched:
            self.fetched[path] = fetch(f"{self.url}/{path}")
        if len(self.fetched[path]) != 32 * width:
            raise Refused(f"{path} has not the {width} hashes that it must have")
        return self.fetched[path]


def fetch(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise Refused(f"this is not an address of the web: {url}")
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310  checked above
        content: bytes = reply.read(1 << 20)
    return content


def inclusion(wanted: argparse.Namespace) -> None:
    proof = json.loads(wanted.proof.read_text())
    leaf, index, path = bytes.fromhex(proof["leaf"]), int(proof["index"]), proof["path"]
    if wanted.body and leaf_of(wanted.body.read_bytes().strip()) != leaf:
        raise Refused(f"the leaf {leaf.hex()} does not stand for what is in {wanted.body}")
    note = wanted.checkpoint.read_text() if wanted.checkpoint else proof["checkpoint"]
    head = open_checkpoint(note, wanted.key, wanted.witness)
    verify_inclusion(leaf, index, head, list(map(bytes.fromhex, path)))
    if not wanted.body:
        say("No body was given, so what the leaf stands for was not checked.")
    say(f"It holds: the leaf {leaf.hex()} is number {index} of {head.size} in {head.origin}.")


def consistency(wanted: argparse.Namespace) -> None:
    old = open_checkpoint(wanted.old.read_text(), wanted.key)
    new = open_checkpoint(wanted.new.read_text(), wanted.key, wanted.witness)
    path = json.loads(wanted.proof.read_text())["path"]
    verify_consistency(old, new, list(map(bytes.fromhex, path)))
    say(f"It holds: {new.origin} grew from {old.size} to {new.size} leaves and changed none.")


def follow(wanted: argparse.Namespace) -> None:
    url = wanted.url.rstrip("/")
    note = fetch(f"{url}/checkpoint").decode()
    new = open_checkpoint(note, wanted.key, wanted.witness)
    if not wanted.kept.exists():
        wanted.kept.write_text(note)
        say(f"Kept for later: {new.origin} has {new.size} leaves.  Nothing to compare with yet.")
        return
    old = open_checkpoint(wanted.kept.read_text(), wanted.key)
    try:
        path = prove_consistency(old.size, new.size, Tiles(url, new.size).read)
        verify_consistency(old, new, path)
    except Refused as reason:
        evidence = wanted.kept.with_name(wanted.kept.name + ".contradicted-by")
        evidence.write_text(note)
        raise Refused(f"{reason}; both signed checkpoints: {wanted.kept}, {evidence}") from None
    wanted.kept.write_text(note)
    say(f"It holds: {new.origin} grew from {old.size} to {new.size} leaves and changed none.")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _wrong_length() -> bytes:
    raise Refused("the proof has not the length that it must have")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    files = {inclusion: ["proof"], consistency: ["old", "new", "proof"], follow: ["url", "kept"]}
    for command, names in files.items():
        one = commands.add_parser(command.__name__)
        one.set_defaults(command=command)
        one.add_argument("--key", required=True, help="the log's verifier key")
        one.add_argument("--witness", action="append", default=[], help="a witness's key")
        for name in names:
            one.add_argument(name, type=str if name == "url" else Path)
        if command is inclusion:
            one.add_argument("--body", type=Path, help="the record or outcome that was logged")
            one.add_argument("--checkpoint", type=Path, help="instead of the proof's own")
    return parser


def main(given: Sequence[str] | None = None) -> int:
    wanted = arguments().parse_args(given)
    try:
        wanted.key = read_key(wanted.key)
        wanted.witness = list(map(read_key, wanted.witness))
        wanted.command(wanted)
    except Refused as reason:
        say(f"IT DOES NOT HOLD: {reason}.")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as fault:
        say(f"NOTHING WAS PROVEN: something given or fetched cannot be read: {fault!r}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
