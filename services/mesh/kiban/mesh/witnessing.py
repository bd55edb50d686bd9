"""
Witnessing: others see that the log only grows, and say so beneath its head.

A witness remembers one head of each log that it watches.  It is given the next head with the proof that the tree only
grew since, and gives its cosignature, which is published with that head: a log that shows one tree to some and another
to others would need its witnesses to lie with it.

1. the newest head goes to each witness, with the proof from the size that the witness last saw
2. a witness that remembers another size says which (409); the proof then begins there
3. the cosignature is verified under the witness's key and added to the head

A witness that is away or refuses holds nothing up: no permit waits for it, and it is asked again about the next head.
Refused: what is no cosignature of this head by this witness.
Sources: c2sp.org/tlog-witness (add-checkpoint), c2sp.org/tlog-cosignature; DESIGN 5.4.
"""

import asyncio
import base64
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from kiban.mesh.log import Log
from kiban.mesh.notes import COSIGNATURE, Checkpoint, Note, NoteRefused, Signature, VerifierKey
from kiban.shared.http import Http, Reply, origin_of
from kiban.shared.problems import Problem, Unexplained

ELSEWHERE = 409
PAUSE = 1.0
"""Seconds between two looks for a new head."""

_log = logging.getLogger("kiban.mesh.witnessing")


@dataclass(frozen=True, slots=True)
class Witness:
    """Who watches the log, and where its submissions go."""

    key: VerifierKey
    address: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `NAME+ID+KEY ADDRESS`; refused: another kind of key, or no address."""
        key, _, address = text.partition(" ")
        witness = cls(VerifierKey.read(key), address.strip().rstrip("/"))
        if witness.key.kind != COSIGNATURE or not address:
            raise NoteRefused("a witness is a key for cosignatures, a space and an address")
        return witness


def origins(texts: Iterable[str]) -> list[str]:
    """Where these witnesses are, for whoever keeps the routes."""
    return [origin_of(Witness.read(text).address) for text in texts]


class Witnessing:
    """Shows every witness the log's newest head: run it beside the integrator."""

    def __init__(self, log: Log, http: Http, witnesses: Sequence[Witness]) -> None:
        self._log = log
        self._http = http
        self._witnesses = witnesses
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Show each new head for ever; cancel to stop."""
        while True:
            await self.show()
            await asyncio.sleep(PAUSE)

    async def show(self) -> int:
        """Show the newest head to whoever has not cosigned it; say how many did."""
        try:
            head = await self._log.checkpoint()
        except Problem as problem:
            _log.warning("there is no head to show: %s", problem.slug)
            return 0
        return sum(await asyncio.gather(*(self._show(each, head) for each in self._witnesses)))

    async def _show(self, witness: Witness, head: str) -> bool:
        size, name = Checkpoint.read(Note.read(head).text).size, witness.key.name
        if self._seen.get(name) == size:
            return False
        try:
            reply = await self._submit(witness, head, size)
            if reply.status == ELSEWHERE:
                self._seen[name] = _size(reply)
                reply = await self._submit(witness, head, size)
            for line in _lines(reply.raise_problem(), witness.key):
                await self._log.cosign(size, line, witness.key)
        except Problem as problem:
            self._seen.pop(name, None)
            _log.warning("%s does not cosign the head of size %d: %s", name, size, problem.slug)
            return False
        self._seen[name] = size
        return True

    async def _submit(self, witness: Witness, head: str, size: int) -> Reply:
        before = self._seen.get(witness.key.name, 0)
        proof = await self._log.consistency(before, size) if before else None
        lines = (
            [base64.b64encode(bytes.fromhex(one)).decode() for one in proof.path] if proof else []
        )
        body = "\n".join([f"old {before}", *lines, "", head])
        return await self._http.send(
            "POST", f"{witness.address}/add-checkpoint", content=body.encode()
        )


def _size(reply: Reply) -> int:
    """The size that a witness remembers."""
    text = reply.content.removesuffix(b"\n")
    if not text.isdigit() or len(text) > len(str(2**63)):
        raise Unexplained(
            "a witness that is elsewhere says at which size", status_sent=reply.status
        )
    return int(text)


def _lines(reply: Reply, key: VerifierKey) -> list[str]:
    """The witness's own lines; there must be one."""
    try:
        lines = reply.content.decode().splitlines()
    except UnicodeDecodeError:
        raise NoteRefused("a cosignature is text") from None
    read = {line: Signature.read(line) for line in lines}
    own = [line for line, one in read.items() if (one.name, one.key_id) == (key.name, key.id)]
    if not own:
        raise NoteRefused(f"{key.name} answered without a cosignature of its own")
    return own
