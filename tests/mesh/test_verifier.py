"""The stand-alone verifier: a citizen's and an auditor's view, against the real log and against liars."""

import ast
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kiban.mesh import merkle, tiles, verifier
from kiban.mesh.contract import ConsistencyProof, InclusionProof, leaf_of
from kiban.mesh.merkle import Node
from kiban.mesh.notes import COSIGNATURE, Checkpoint, Note, VerifierKey
from kiban.mesh.tiles import TilePath
from tests.vectors import rfc9162, rfc9162_notes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
LOG = VerifierKey.of("core.example", KEY)
WATCHER = VerifierKey.of("watcher.example", WITNESS, COSIGNATURE)
MOST = 300


class Published:
    """A log as its readers see it: what it holds, what it signed, and its files."""

    def __init__(self, bodies: list[str]) -> None:
        self.bodies = bodies
        self.leaves = [bytes.fromhex(leaf_of(body)) for body in bodies]

    def read_hash(self, node: Node) -> bytes:
        width = 1 << node.level
        return merkle.root(self.leaves[node.index * width : (node.index + 1) * width])

    def checkpoint(self, size: int) -> str:
        return str(self._signed(size))

    def cosigned(self, size: int) -> str:
        at = datetime(2026, 4, 1, 12, tzinfo=UTC)
        return str(self._signed(size).cosign(WATCHER.name, WITNESS, at=at))

    def _signed(self, size: int) -> Note:
        return Checkpoint(LOG.name, size, merkle.root(self.leaves[:size])).sign(KEY)

    def inclusion(self, index: int, size: int) -> dict[str, object]:
        path = merkle.inclusion_path(index, size, self.read_hash)
        return {
            "leaf": self.leaves[index].hex(),
            "index": index,
            "size": size,
            "path": [item.hex() for item in path],
            "checkpoint": self.checkpoint(size),
        }

    def consistency(self, first: int, second: int) -> dict[str, object]:
        path = merkle.consistency_path(first, second, self.read_hash)
        return {"first": first, "second": second, "path": [item.hex() for item in path]}

    def files(self, size: int) -> dict[str, bytes]:
        grown = tiles.grow(0, {}, self.leaves[:size]).tiles
        published = {"checkpoint": self.checkpoint(size).encode()}
        for tile, held in grown.items():
            path = TilePath(tile.level, tile.index, len(held) // 32)
            published[f"tile/{path}"] = held
        return published


HONEST = Published([f'{{"number":{number}}}' for number in range(MOST)])
FORGED = Published([body for body in HONEST.bodies if body != '{"number":4}'])


@pytest.fixture
def web() -> Iterator["Web"]:
    server = Web()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


class Web:
    """A place on this machine where files are published."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        published = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.removeprefix("/")
                published.asked.append(path)
                content = published.files.get(path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


class Citizen:
    """Somebody with a folder and the verifier."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.heard = ""

    def has(self, name: str, content: object) -> str:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def verifies(self, *words: str, key: str = str(LOG)) -> bool:
        code = verifier.main([*words, "--key", key])
        self.heard = self.capsys.readouterr().out
        return code == 0


@pytest.fixture
def citizen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Citizen:
    return Citizen(tmp_path, capsys)


@given(st.integers(0, MOST - 1), st.integers(1, MOST))
def test_both_implementations_agree_on_inclusion(index, size):
    index %= size
    path = merkle.inclusion_path(index, size, HONEST.read_hash)
    head = verifier.Head("", size, merkle.root(HONEST.leaves[:size]))

    verifier.verify_inclusion(HONEST.leaves[index], index, head, path)

    for wrong in (path[1:], [*path, bytes(32)], [bytes(32), *path[1:]]):
        if wrong != path:
            with pytest.raises(verifier.Refused):
                verifier.verify_inclusion(HONEST.leaves[index], index, head, wrong)


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_both_implementations_agree_on_growth(first, second):
    first, second = sorted((first, second))
    path = merkle.consistency_path(first, second, HONEST.read_hash)
    old, new = (verifier.Head("", s, merkle.root(HONEST.leaves[:s])) for s in (first, second))

    made = verifier.prove_consistency(
        first, second, lambda level, index: HONEST.read_hash(Node(level, index))
    )

    assert made == path
    verifier.verify_consistency(old, new, path)
    for wrong in (path[1:], [*path, bytes(32)], [bytes(32), *path[1:]]):
        if first and wrong != path:
            with pytest.raises(verifier.Refused):
                verifier.verify_consistency(old, new, wrong)


@pytest.mark.parametrize(("index", "size"), rfc9162.INCLUSION)
def test_the_known_inclusion_proofs_hold(index, size):
    head = verifier.Head("", size, bytes.fromhex(rfc9162.ROOTS[size]))
    path = list(map(bytes.fromhex, rfc9162.INCLUSION[index, size]))

    verifier.verify_inclusion(merkle.leaf_hash(rfc9162.LEAVES[index]), index, head, path)


@pytest.mark.parametrize(("first", "second"), rfc9162.CONSISTENCY)
def test_the_known_consistency_proofs_hold(first, second):
    old, new = (verifier.Head("", s, bytes.fromhex(rfc9162.ROOTS[s])) for s in (first, second))

    verifier.verify_consistency(
        old, new, list(map(bytes.fromhex, rfc9162.CONSISTENCY[first, second]))
    )


def test_a_public_log_s_checkpoint_and_its_witnesses_are_read(capsys):
    log = verifier.read_key(rfc9162_notes.LOG_KEY)
    witnesses = list(map(verifier.read_key, rfc9162_notes.WITNESS_KEYS))

    head = verifier.open_checkpoint(rfc9162_notes.CHECKPOINT, log, witnesses)

    assert head.size == 1_432_088_532
    assert capsys.readouterr().out.count("2026-05-23 21:50 UTC") == 4


def test_the_proofs_tried_here_are_those_of_the_contract():
    InclusionProof.model_validate(HONEST.inclusion(4, 200))
    ConsistencyProof.model_validate(HONEST.consistency(100, 300))


def test_a_citizen_s_entry_is_in_the_log(citizen):
    proof = citizen.has("proof.json", HONEST.inclusion(4, 200))
    body = citizen.has("body.json", HONEST.bodies[4] + "\n")

    assert citizen.verifies("inclusion", proof, "--body", body)
    assert citizen.heard.startswith("It holds: the leaf")
    assert citizen.verifies("inclusion", proof)
    assert "not checked" in citizen.heard


def test_another_body_is_not_what_was_logged(citizen):
    proof = citizen.has("proof.json", HONEST.inclusion(4, 200))
    body = citizen.has("body.json", HONEST.bodies[5])

    assert not citizen.verifies("inclusion", proof, "--body", body)
    assert "does not stand for" in citizen.heard


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("index", 5, "does not lead"),
        ("index", 200, "no leaf number"),
        ("index", -1, "no leaf number"),
        ("leaf", "00" * 32, "does not lead"),
        ("path", [], "length"),
        ("path", ["00" * 32] * 8, "does not lead"),
        ("path", ["zz"], "cannot be read"),
        ("path", None, "cannot be read"),
        ("leaf", 7, "cannot be read"),
        ("checkpoint", 7, "cannot be read"),
        ("checkpoint", "", "not signed"),
        ("checkpoint", HONEST.checkpoint(201), "does not lead"),
        ("checkpoint", HONEST.checkpoint(200).replace("\n200\n", "\n199\n"), "is false"),
        ("checkpoint", FORGED.checkpoint(200), "does not lead"),
    ],
)
def test_a_false_proof_of_inclusion_is_refused_with_the_reason(citizen, field, value, reason):
    proof = citizen.has("proof.json", HONEST.inclusion(4, 200) | {field: value})

    assert not citizen.verifies("inclusion", proof)
    assert reason in citizen.heard


def test_a_checkpoint_of_one_s_own_replaces_the_proof_s(citizen):
    proof = citizen.has("proof.json", HONEST.inclusion(4, 200) | {"checkpoint": ""})
    kept = citizen.has("kept", HONEST.checkpoint(200))

    assert citizen.verifies("inclusion", proof, "--checkpoint", kept)


def test_a_witness_that_is_wanted_must_have_signed(citizen):
    plain = citizen.has("plain.json", HONEST.inclusion(4, 200))
    seen = citizen.has("seen.json", HONEST.inclusion(4, 200) | {"checkpoint": HONEST.cosigned(200)})

    assert citizen.verifies("inclusion", seen, "--witness", str(WATCHER))
    assert "watcher.example has seen this tree, at 2026-04-01 12:00 UTC" in citizen.heard
    assert not citizen.verifies("inclusion", plain, "--witness", str(WATCHER))
    assert "not signed by watcher.example" in citizen.heard


@pytest.mark.parametrize(
    "key", ["", "core.example", str(WATCHER), f"core.example+00000000+{'A' * 44}"]
)
def test_another_key_than_the_log_s_proves_nothing(citizen, key):
    proof = citizen.has("proof.json", HONEST.inclusion(4, 200))

    assert not citizen.verifies("inclusion", proof, key=key)


def test_an_auditor_sees_that_the_log_only_grew(citizen):
    files = [
        citizen.has("old", HONEST.checkpoint(100)),
        citizen.has("new", HONEST.cosigned(300)),
        citizen.has("proof.json", HONEST.consistency(100, 300)),
    ]

    assert citizen.verifies("consistency", *files, "--witness", str(WATCHER))
    assert "grew from 100 to 300 leaves and changed none" in citizen.heard


def test_an_auditor_catches_a_deletion(citizen):
    files = [
        citizen.has("old", HONEST.checkpoint(100)),
        citizen.has("new", FORGED.checkpoint(299)),
        citizen.has("proof.json", FORGED.consistency(100, 299)),
    ]

    assert not citizen.verifies("consistency", *files)
    assert "not shown to begin" in citizen.heard


@pytest.mark.parametrize(
    ("size", "reason"), [(100, "two different trees of 100"), (99, "shrunk from 100 to 99")]
)
def test_an_auditor_catches_a_fork(citizen, size, reason):
    files = [
        citizen.has("old", HONEST.checkpoint(100)),
        citizen.has("new", FORGED.checkpoint(size)),
        citizen.has("proof.json", {"path": []}),
    ]

    assert not citizen.verifies("consistency", *files)
    assert reason in citizen.heard


def test_a_follower_keeps_up_with_an_honest_log(citizen, web):
    kept = citizen.folder / "kept"

    for size in (0, 1, 100, 100, 256, 257, 300):
        web.files = HONEST.files(size)
        assert citizen.verifies("follow", web.url + "/", str(kept)), citizen.heard

    assert kept.read_text() == HONEST.checkpoint(300)
    assert "grew from 257 to 300" in citizen.heard


def test_a_follower_fetches_few_tiles(citizen, web):
    web.files = HONEST.files(300)
    citizen.has("kept", HONEST.checkpoint(100))

    assert citizen.verifies("follow", web.url, str(citizen.folder / "kept"))
    assert web.asked == ["checkpoint", "tile/0/000", "tile/0/001.p/44"]


def test_a_follower_catches_a_rewritten_log_and_keeps_the_evidence(citizen, web):
    citizen.has("kept", HONEST.checkpoint(100))
    web.files = FORGED.files(299)

    assert not citizen.verifies("follow", web.url, str(citizen.folder / "kept"))
    assert "not shown to begin" in citizen.heard
    assert (citizen.folder / "kept").read_text() == HONEST.checkpoint(100)
    assert (citizen.folder / "kept.contradicted-by").read_text() == FORGED.checkpoint(299)


@pytest.mark.parametrize(
    ("tile", "content"),
    [
        ("tile/0/000", bytes(32 * 256)),
        ("tile/0/000", HONEST.files(300)["tile/0/000"][32:] + bytes(32)),
        ("tile/0/000", HONEST.files(300)["tile/0/000"][32:]),
        ("tile/0/001.p/44", b""),
        ("tile/0/001.p/44", None),
    ],
)
def test_tiles_that_do_not_lead_to_both_roots_prove_nothing(citizen, web, tile, content):
    citizen.has("kept", HONEST.checkpoint(100))
    web.files = HONEST.files(300)
    web.files[tile] = content

    assert not citizen.verifies("follow", web.url, str(citizen.folder / "kept"))
    assert (citizen.folder / "kept").read_text() == HONEST.checkpoint(100)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:9/", "nowhere"])
def test_a_place_that_publishes_nothing_proves_nothing(citizen, url):
    assert not citizen.verifies("follow", url, str(citizen.folder / "kept"))
    assert not (citizen.folder / "kept").exists()


def test_large_tile_numbers_are_written_as_published():
    asked = []
    log = verifier.Tiles("http://core.example", 2**40)
    for level, number in ((0, 1_234_067), (0, 5), (1, 1000)):
        path = f"tile/{TilePath(level, number)}"
        log.fetched[path] = bytes(32 * 256)
        asked.append(log.tile(level, number))

    assert asked == [bytes(32 * 256)] * 3


def test_the_verifier_runs_where_kiban_is_not(tmp_path):
    alone = shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    (tmp_path / "proof.json").write_text(json.dumps(HONEST.inclusion(4, 200)))
    (tmp_path / "body").write_text(HONEST.bodies[4])

    ran = subprocess.run(
        [sys.executable, alone, "inclusion", "proof.json", "--body", "body", "--key", str(LOG)],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.startswith("It holds")


def test_the_verifier_needs_nothing_of_ours():
    tree = ast.parse(Path(verifier.__file__).read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert imported <= set(sys.stdlib_module_names) | {"cryptography"}
