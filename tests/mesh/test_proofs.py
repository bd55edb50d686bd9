"""Proofs: whoever acts on a leaf verifies it; a library that is not ours made the trees."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from kiban.mesh.client import Checkpoint, NoteRefused, ProofRefused, verify_proof
from kiban.mesh.contract import InclusionProof

NAME = "log.example/SIMULATED"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def verifier(key=KEY, name=NAME) -> str:
    raw = b"\x01" + key.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(raw).decode()}"


def signed(size: int, root: bytes, key=KEY, name=NAME) -> str:
    text = f"{NAME}\n{size}\n{base64.b64encode(root).decode()}\n"
    key_id = bytes.fromhex(verifier(key, name).split("+")[1])
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def proven(index: int, size: int) -> InclusionProof:
    """A proof made by a library that is not ours."""
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(b"leaf %d" % number)
    made = tree.prove_inclusion(index + 1, size).serialize()
    leaf, *path = made["path"]
    checkpoint = signed(size, tree.get_root(size))
    return InclusionProof(leaf=leaf, index=index, size=size, path=path, checkpoint=checkpoint)


def check(proof: InclusionProof, **change) -> Checkpoint:
    touched = proof.model_copy(update=change)
    return verify_proof(touched, leaf=proof.leaf, log_key=verifier())


@given(st.integers(1, 40).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_every_leaf_of_every_tree_is_proven(place):
    index, size = place

    found = check(proven(index, size))

    assert (found.size, found.origin) == (size, NAME)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 3},
        {"index": -1},
        {"index": 9},
        {"size": 8},
        {"path": []},
        {"path": ["0" * 64] * 3},
        {"path": ["0" * 64] * 9},
        {"leaf": "0" * 64},
        {"checkpoint": ""},
        {"checkpoint": "a\n\n— b c\n"},
    ],
)
def test_a_proof_that_was_touched_does_not_hold(change):
    with pytest.raises((ProofRefused, NoteRefused)):
        check(proven(2, 9), **change)


def test_a_checkpoint_of_another_key_does_not_hold():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    proof = proven(2, 9)
    root = check(proof).root

    with pytest.raises(NoteRefused):
        check(proof, checkpoint=signed(9, root, key=other))


def test_a_checkpoint_whose_words_were_changed_does_not_hold():
    proof = proven(2, 9)

    with pytest.raises((ProofRefused, NoteRefused)):
        check(proof, checkpoint=proof.checkpoint.replace(NAME, "log.elsewhere", 1))


def test_a_witness_beside_the_log_does_no_harm():
    proof = proven(2, 9)
    witness = "— witness.example " + base64.b64encode(bytes(76)).decode() + "\n"

    check(proof, checkpoint=proof.checkpoint + witness)


@given(st.text(max_size=200))
def test_no_other_text_is_a_checkpoint(text):
    with pytest.raises((ProofRefused, NoteRefused)):
        check(proven(0, 1), checkpoint=text)
