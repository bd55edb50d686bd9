"""Signed notes: as others have signed them, and hostile ones."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from kiban.mesh.notes import COSIGNATURE, Checkpoint, Note, NoteRefused, VerifierKey
from tests.vectors import rfc9162_notes as vectors

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")
LOG = VerifierKey.of("core.example/log", KEY)
WATCHER = VerifierKey.of("watcher.example", WITNESS, COSIGNATURE)
HEAD = Checkpoint("core.example/log", 7, bytes(range(32)))
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def test_a_note_is_signed_as_others_sign_it():
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vectors.EXAMPLE_SEED))
    text = vectors.EXAMPLE.partition("\n\n")[0] + "\n"

    note = Note(text, ()).sign("PeterNeumann", key)

    assert str(note) == vectors.EXAMPLE
    assert str(VerifierKey.of("PeterNeumann", key)) == vectors.EXAMPLE_KEY


def test_a_note_of_others_is_verified():
    Note.read(vectors.EXAMPLE).verify(VerifierKey.read(vectors.EXAMPLE_KEY))


def test_a_public_log_s_checkpoint_is_read():
    head = Checkpoint.open(vectors.CHECKPOINT, VerifierKey.read(vectors.LOG_KEY))

    assert (head.origin, head.size) == ("arche2025h1.staging.ct.transparency.dev", 1_432_088_532)
    assert str(Note.read(vectors.CHECKPOINT)) == vectors.CHECKPOINT


@pytest.mark.parametrize("witness", vectors.WITNESS_KEYS)
def test_public_witnesses_cosignatures_are_verified(witness):
    key = VerifierKey.read(witness)

    assert Note.read(vectors.CHECKPOINT).cosigned_at(key) == vectors.COSIGNED_AT
    assert str(key) == witness


@pytest.mark.parametrize("witness", vectors.WITNESS_KEYS)
def test_a_cosignature_is_of_one_text_and_one_time(witness):
    key = VerifierKey.read(witness)

    with pytest.raises(NoteRefused, match="does not hold"):
        Note.read(vectors.CHECKPOINT.replace("1432088532", "1432088533")).verify(key)


def test_a_checkpoint_is_signed_and_opened():
    note = HEAD.sign(KEY)

    assert Checkpoint.open(str(note), LOG) == HEAD


def test_a_witness_adds_its_line():
    cosigned = HEAD.sign(KEY).cosign("watcher.example", WITNESS, at=NOON)
    line = str(cosigned.signatures[-1])

    note = HEAD.sign(KEY).add(line, WATCHER)

    assert note == cosigned
    assert note.cosigned_at(WATCHER) == int(NOON.timestamp())
    assert note.add(line, WATCHER) == note
    assert Checkpoint.open(str(note), LOG) == HEAD


def test_a_line_of_somebody_else_is_not_added():
    line = str(HEAD.sign(KEY).cosign("watcher.example", KEY, at=NOON).signatures[-1])

    with pytest.raises(NoteRefused):
        HEAD.sign(KEY).add(line, WATCHER)


def test_a_line_over_another_head_is_not_added():
    other = Checkpoint(HEAD.origin, HEAD.size + 1, HEAD.root).sign(KEY)
    line = str(other.cosign("watcher.example", WITNESS, at=NOON).signatures[-1])

    with pytest.raises(NoteRefused, match="does not hold"):
        HEAD.sign(KEY).add(line, WATCHER)


def test_the_log_s_signature_is_no_cosignature():
    with pytest.raises(NoteRefused, match="has not signed"):
        HEAD.sign(KEY).cosigned_at(VerifierKey.of("core.example/log", KEY, COSIGNATURE))


def test_unknown_keys_are_passed_over_and_known_ones_are_not():
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\2")
    note = HEAD.sign(KEY).sign("stranger.example", stranger)
    false = str(note).replace(f"\n{HEAD.size}\n", "\n8\n")

    note.verify(LOG)
    with pytest.raises(NoteRefused, match="does not hold"):
        Note.read(false).verify(LOG)
    with pytest.raises(NoteRefused, match="has not signed"):
        Note.read(false).verify(WATCHER)


def test_one_false_line_of_a_known_key_condemns_the_note():
    good = HEAD.sign(KEY)
    bad = Checkpoint(HEAD.origin, 8, HEAD.root).sign(KEY).signatures
    both = Note(good.text, (*good.signatures, *bad))

    with pytest.raises(NoteRefused, match="does not hold"):
        both.verify(LOG)


def test_a_checkpoint_of_another_log_is_refused_though_the_key_signed_it():
    note = Note(str(Checkpoint("other.example", 7, HEAD.root)), ()).sign("core.example/log", KEY)

    with pytest.raises(NoteRefused, match="another log"):
        Checkpoint.open(str(note), LOG)


@pytest.mark.parametrize(
    "text",
    [
        "core.example/log\n7\n",
        "\n7\nAAAA\n",
        "core.example/log\n07\n" + "A" * 43 + "=\n",
        "core.example/log\n-7\n" + "A" * 43 + "=\n",
        "core.example/log\n７\n" + "A" * 43 + "=\n",
        "core.example/log\n9223372036854775808\n" + "A" * 43 + "=\n",
        "core.example/log\n7\n" + "A" * 42 + "B=\n",
        "core.example/log\n7\n" + "A" * 40 + "\n",
        "core.example/log\n7\n" + "A" * 43 + "=\nextension\n",
        "core.example/log\n7\n" + "A" * 43 + "=",
    ],
)
def test_a_checkpoint_that_is_written_otherwise_is_refused(text):
    with pytest.raises(NoteRefused):
        Checkpoint.read(text)


SIGNED = str(HEAD.sign(KEY))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "\n\n",
        HEAD.origin,
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("— ", "- "),
        SIGNED.replace("— ", "—  "),
        SIGNED.replace("— core", "— co+re"),
        SIGNED.replace("— core", "— co\u3000re"),
        SIGNED[:-1] + "=\n",
        SIGNED.replace("core", "co\x00re"),
        SIGNED.replace("core", "co\ud800re"),
        str(HEAD) + "\n— core.example/log AAAAAA==\n",
        "x" * 65_536 + SIGNED,
        str(HEAD) + "\n" + "— a.example AAAAAAAA\n" * 65,
    ],
)
def test_a_note_that_is_written_otherwise_is_refused(written):
    with pytest.raises(NoteRefused):
        Note.read(written).verify(LOG)


@given(st.text())
def test_no_text_breaks_the_reader(text):
    for read in (Note.read, Checkpoint.read, VerifierKey.read):
        try:
            read(text)
        except NoteRefused:
            continue


@pytest.mark.parametrize(
    "text",
    [
        "core.example/log",
        "core.example/log+00000000+" + str(LOG).split("+", 2)[2],
        str(LOG).replace("core", "c re"),
        str(LOG)[:-1],
        str(LOG)[:-4],
        "+e3b0c442+AQ==",
        str(LOG).upper(),
    ],
)
def test_a_verifier_key_that_is_written_otherwise_is_refused(text):
    with pytest.raises(NoteRefused):
        VerifierKey.read(text)


def test_keys_of_other_kinds_are_refused():
    with pytest.raises(NoteRefused, match="types"):
        VerifierKey("core.example", 0x02, bytes(32))


def test_sixteen_cosigners_have_room():
    note = HEAD.sign(KEY)
    for number in range(16):
        note = note.cosign(f"watcher{number}.example", WITNESS, at=NOON)

    assert Checkpoint.open(str(note), LOG) == HEAD
