"""Issuance: the intent comes first, and a process that dies in between loses nothing and doubles nothing."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from kiban.identity.authority import store
from kiban.identity.authority.contract import CertificateRevoked, KeyRefused, Revocation
from kiban.shared.problems import Opaque, Problem
from tests.authority.builders import OPERATOR, address, request_for, resident

ROOT = Path(__file__).resolve().parents[2]


class PowerCutError(Exception):
    """What the signer raises instead of signing."""


def cut(judged, key):
    raise PowerCutError


async def intended(start, card):
    """A card whose certificates were intended and never signed."""
    running = await start("resident-network", "login")
    await running.registrar.register_resident(resident())
    dying = await start(finish=cut)
    dying.identities = running.identities
    with pytest.raises(Problem):
        await dying.issues(card)
    return running


async def open_intents(running):
    return (await running.public.list_open_intents(OPERATOR)).intents


async def test_what_was_intended_and_not_signed_is_listed(start, card):
    running = await intended(start, card)

    found = await open_intents(running)

    assert {each.authority for each in found} == {"authentication", "signature"}
    assert {each.ordered_at for each in found} == {int(running.clock().timestamp())}


async def test_the_same_keys_carry_on_with_the_same_bytes(start, card):
    running = await intended(start, card)
    serials = {each.serial for each in await open_intents(running)}

    await running.issues(card)

    assert {card.serial("authentication"), card.serial("signature")} == serials
    assert await open_intents(running) == []
    await running.login.verify_authentication(card.authenticates())


async def test_what_is_signed_is_what_was_judged_and_stored(start, card):
    running = await intended(start, card)
    async with running.db.read() as connection:
        drafts = {
            each.intent.serial: each.intent.draft for each in await store.list_open(connection)
        }

    await running.issues(card)

    for kind in ("authentication", "signature"):
        assert card.certificate(kind).tbs_certificate_bytes in drafts[card.serial(kind)]


async def test_an_intent_that_was_altered_is_not_signed(start, card):
    running = await intended(start, card)
    async with running.db.begin() as connection:
        [first, *_] = await store.list_open(connection)
        draft = first.intent.draft.replace("鎌倉".encode(), "鎌食".encode())
        draft = draft.replace(b"JP", b"JQ")
        await connection.execute(
            sa.update(store.INTENTS)
            .where(store.INTENTS.c.serial == first.intent.serial)
            .values(draft=draft)
        )

    with pytest.raises(Opaque):
        await running.issues(card)

    assert await running.count("certificates") == 3  # the members'


async def test_an_intent_can_be_ended_like_a_certificate(start, card):
    running = await intended(start, card)
    [mine] = [each for each in await open_intents(running) if each.authority == "authentication"]

    await running.registrar.revoke_certificate(
        Revocation(authority="authentication", serial=mine.serial, event="loss")
    )

    with pytest.raises(KeyRefused, match="ended"):
        await running.issues(card)


async def test_a_change_of_attributes_ends_an_intent_too(start, card):
    running = await intended(start, card)
    moved = resident(address=address("神奈川県鎌倉市大船1-1"))

    reply = await running.registrar.change_attributes(moved)

    assert reply.revoked == [
        each.serial for each in await open_intents(running) if each.authority == "signature"
    ]


async def test_a_key_that_was_intended_is_nobody_elses(start, card, other_card):
    running = await intended(start, card)
    await running.registrar.register_resident(resident("00000000021"))

    with pytest.raises(KeyRefused):
        await running.registrar.register_card(
            other_card.registration(
                "00000000021", authentication_request=request_for(card.authentication)
            )
        )


async def test_requests_at_the_same_moment_get_the_same_certificates(start, card):
    one, two = await start("resident-network"), await start()
    two.identities = one.identities
    await one.registrar.register_resident(resident())

    replies = await asyncio.gather(
        *(running.registrar.register_card(card.registration()) for running in (one, two, one, two))
    )

    assert len({reply.model_dump_json() for reply in replies}) == 1


async def test_two_cards_at_the_same_moment_leave_one_in_force(start, card, other_card):
    running = await start("resident-network", "login")
    await running.registrar.register_resident(resident())

    await asyncio.gather(running.issues(card), running.issues(other_card))

    results = await asyncio.gather(
        *(running.login.verify_authentication(each.authenticates()) for each in (card, other_card)),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, CertificateRevoked) for each in results) == [False, True]


@pytest.mark.parametrize("after", ["before signing", "after signing"])
def test_a_killed_process_leaves_an_intent_and_the_next_one_carries_on(after, tmp_path):
    first = run(tmp_path, after)
    second = run(tmp_path, "never")
    opened = (tmp_path / "opened").read_text(encoding="utf-8")
    third = run(tmp_path, "never")

    assert first.returncode == -signal.SIGKILL, first.stderr
    assert second.returncode == third.returncode == 0, second.stderr
    # What was open after the kill are the very certificates that were given afterwards.
    assert sorted(opened.split()) == sorted(second.stdout.split())
    assert second.stdout == third.stdout


def run(place: Path, when: str) -> subprocess.CompletedProcess[str]:
    """Register one card in a process of its own, which kills itself at a step."""
    return subprocess.run(
        [sys.executable, "-m", "tests.authority.dying", str(place), when],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
