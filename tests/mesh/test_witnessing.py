"""Witnesses: another program sees that the log only grows; one that is away or lies changes nothing."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request, Response

from kiban.mesh import merkle
from kiban.mesh.notes import COSIGNATURE, Checkpoint, Note, NoteRefused, VerifierKey
from kiban.mesh.witnessing import Witness, Witnessing, origins
from kiban.shared.http import HttpxHttp
from tests.mesh.test_log import core, entry

__all__ = ["core"]
NOON = datetime(2026, 4, 1, 3, tzinfo=UTC)
ADDRESS = "http://witness.example"


@dataclass
class Watcher:
    """A witness as c2sp.org/tlog-witness has it, with one log to watch."""

    log: VerifierKey
    name: str = "witness.example/w1"
    key: Ed25519PrivateKey = field(
        default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\2")
    )
    size: int = 0
    root: bytes = b""
    asked: list[str] = field(default_factory=list)
    answer: Response | None = None

    @property
    def witness(self) -> Witness:
        return Witness(VerifierKey.of(self.name, self.key, COSIGNATURE), ADDRESS)

    @property
    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/add-checkpoint")(self.add_checkpoint)
        return app

    @property
    def http(self) -> HttpxHttp:
        return HttpxHttp({ADDRESS: self.app})

    async def add_checkpoint(self, request: Request) -> Response:
        text = (await request.body()).decode()
        self.asked.append(text)
        if self.answer is not None:
            return self.answer
        said, _, note = text.partition("\n\n")
        first, *lines = said.split("\n")
        old = int(first.removeprefix("old "))
        head = Checkpoint.open(note, self.log)
        if old != self.size:
            return Response(f"{self.size}\n", 409, media_type="text/x.tlog.size")
        if old:
            path = [base64.b64decode(line) for line in lines]
            merkle.verify_consistency(old, self.root, head.size, head.root, path)
        self.size, self.root = head.size, head.root
        cosigned = Note.read(note).cosign(self.name, self.key, at=NOON)
        return Response(f"{cosigned.signatures[-1]}\n", media_type="text/plain")


@pytest.fixture
async def watcher(core):
    await grow(core, 3)
    return Watcher(core.integrator.verifier_key)


async def grow(core, count: int) -> None:
    start = len(await core.log.read_entries(0, 1000))
    await core.append(*map(entry, range(start, start + count)))
    await core.integrator.integrate()


async def cosigned(core, watcher: Watcher) -> bool:
    try:
        Note.read(await core.log.checkpoint()).verify(watcher.witness.key)
    except NoteRefused:
        return False
    return True


async def test_every_new_head_is_cosigned_by_who_saw_it_grow(core, watcher):
    witnessing = Witnessing(core.log, watcher.http, [watcher.witness])

    for _ in range(3):
        await grow(core, 5)
        assert not await cosigned(core, watcher)
        assert await witnessing.show() == 1
        assert await cosigned(core, watcher)

    assert watcher.size == 18
    assert [text.split("\n")[0] for text in watcher.asked] == ["old 0", "old 8", "old 13"]


async def test_a_head_that_is_cosigned_is_not_shown_again(core, watcher):
    witnessing = Witnessing(core.log, watcher.http, [watcher.witness])

    assert [await witnessing.show(), await witnessing.show()] == [1, 0]
    assert len(watcher.asked) == 1


async def test_a_core_that_woke_up_learns_where_its_witness_is(core, watcher):
    await Witnessing(core.log, watcher.http, [watcher.witness]).show()
    await grow(core, 4)

    assert await Witnessing(core.log, watcher.http, [watcher.witness]).show() == 1

    assert [text.split("\n")[0] for text in watcher.asked] == ["old 0", "old 0", "old 3"]
    assert await cosigned(core, watcher)


def another_witness(watcher: Watcher, head: str) -> str:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\3")
    return str(Note.read(head).cosign(watcher.name, stranger, at=NOON).signatures[-1])


def another_head(watcher: Watcher, head: str) -> str:
    other = Checkpoint("elsewhere", 3, bytes(32)).sign(watcher.key)
    return str(other.cosign(watcher.name, watcher.key, at=NOON).signatures[-1])


LIES = {
    "nothing": lambda _, __: "",
    "no note": lambda _, __: "I saw it\n",
    "another key's": another_witness,
    "of another head": another_head,
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_no_cosignature_of_this_head_is_not_published(core, watcher, lie):
    head = await core.log.checkpoint()
    watcher.answer = Response(LIES[lie](watcher, head))

    assert await Witnessing(core.log, watcher.http, [watcher.witness]).show() == 0

    assert await core.log.checkpoint() == head


@pytest.mark.parametrize(
    "answer",
    [
        Response("", 404),
        Response("", 422),
        Response("<html>", 500),
        Response(b"\xff", 200),
        Response("many\n", 409),
        Response("9" * 50, 409),
        Response("99999\n", 409),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.body[:8]!r}",
)
async def test_a_witness_in_trouble_holds_nobody_up(core, watcher, answer):
    watcher.answer = answer
    other = Watcher(watcher.log, "witness.example/w2")
    http = HttpxHttp({ADDRESS: watcher.app, "http://w2.example": other.app})
    second = Witness(VerifierKey.of(other.name, other.key, COSIGNATURE), "http://w2.example")

    assert await Witnessing(core.log, http, [watcher.witness, second]).show() == 1

    assert not await cosigned(core, watcher)
    assert await cosigned(core, other)


async def test_a_witness_that_is_away_is_asked_about_the_next_head(core, watcher):
    away = Witnessing(core.log, HttpxHttp({}), [watcher.witness])

    assert await away.show() == 0

    away._http = watcher.http
    assert await away.show() == 1


def test_a_witness_is_a_key_and_an_address():
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = VerifierKey.of("w.example", private, COSIGNATURE)

    assert Witness.read(f"{key} {ADDRESS}/sub/") == Witness(key, f"{ADDRESS}/sub")
    assert origins([f"{key} {ADDRESS}/sub"]) == [ADDRESS]
    for text in ("", str(key), f"{VerifierKey.of('w.example', private)} {ADDRESS}"):
        with pytest.raises(NoteRefused):
            Witness.read(text)
