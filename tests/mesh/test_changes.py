"""Changes over the real services: who subscribed hears, once and in order, and nobody learns more than that."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from kiban.changes import store as changes_store
from kiban.gateway import blinding, store
from kiban.gateway.asking import Wish
from kiban.gateway.client import GatewayClient
from kiban.gateway.contract import (
    Announcement,
    AnnouncementRequest,
    NoChangeOffice,
    Notice,
    Notices,
    NoticesRefused,
    PermitExpired,
    PermitRefused,
    PermitSpent,
    PersonUnknown,
    Subscription,
    SubscriptionRequest,
)
from kiban.mesh.contract import EpochPassed, NotPermitted
from kiban.shared import http as http_
from kiban.shared.exchanges import new_id
from kiban.shared.problems import Forbidden, Problem
from kiban.shared.sealing import SealBroken
from tests.mesh_exchanges import ask
from tests.mesh_services import CORE, OPERATOR


async def subscribe(services, *people, agency="tax", item="income"):
    request = SubscriptionRequest(
        affair="upkeep", item=item, people=[f"{agency}-{name}" for name in people]
    )
    return await services.gateway(agency).subscribe(request)


async def announce(services, *people, item="income", number=None, to=None):
    request = AnnouncementRequest(
        id=number or new_id(),
        to=to,
        affair="upkeep",
        item=item,
        people=[f"pension-{name}" for name in people],
    )
    await services.gateway("pension").announce(request)
    await services.settle()
    return request.id


async def heard(services, agency="tax", after=0):
    feed = await services.gateway(agency).read_changes(after)
    return [(one.person, one.item) for one in feed.changes]


async def permitted(services, agency, kind, person="hana", note=None):
    """A permit for the change office that was granted and not presented yet."""
    asking = services.gateway(agency).asking
    codes = await asking.codes([f"{agency}-{person}"])
    wish = Wish(kind, "news", "upkeep", "income")
    token, _ = await asking.permitted(wish, codes, note or bytes.fromhex(new_id()))
    return token


def office(services, agency):
    """The change office's door, as this member knocks at it."""
    gateway = services.gateway(agency)
    return GatewayClient(gateway.standing.signed, services.origin("news"))


async def test_the_whole_way_on_each_engine(on_each_engine):
    services = on_each_engine
    await subscribe(services, "hana", "taro")
    await subscribe(services, "hana", agency="bank")

    await announce(services, "hana")
    await asyncio.gather(*(announce(services, "taro") for _ in range(8)))

    found = await heard(services)
    assert found[0] == ("tax-hana", "income")
    assert found[1:] == [("tax-taro", "income")] * 8
    assert await heard(services, "bank") == [("bank-hana", "income")]


async def test_who_did_not_subscribe_hears_nothing(services):
    await subscribe(services, "hana")

    await announce(services, "taro", "mei")

    assert await heard(services) == []
    assert await heard(services, "bank") == []


async def test_a_bulk_is_subscribed_and_announced_in_one_exchange_each(services):
    await subscribe(services, "hana", "taro", "mei", "hana")

    await announce(services, "mei", "hana", "mei")

    assert sorted(await heard(services)) == [("tax-hana", "income"), ("tax-mei", "income")]
    assert len(await services.lines("hana")) == 2


async def test_only_who_has_a_row_of_law_may_subscribe_or_announce(services):
    with pytest.raises(NotPermitted):
        await subscribe(services, "hana", agency="pension")
    request = AnnouncementRequest(id=new_id(), affair="upkeep", item="income", people=["tax-hana"])
    await services.gateway("tax").announce(request)
    await services.settle()

    [dead] = await services.gateway("tax").standing.outbox.dead()
    assert (dead.topic, dead.problem) == ("announcement", "not-permitted")


async def test_whom_nobody_knows_is_named_before_anything_is_queued(services):
    with pytest.raises(PersonUnknown):
        await announce(services, "nobody")
    with pytest.raises(PersonUnknown):
        await subscribe(services, "nobody")


async def test_the_same_announcement_again_is_one_notice(services):
    await subscribe(services, "hana")
    number = await announce(services, "hana")

    await announce(services, "hana", number=number)
    again = await permitted(services, "pension", "announce", note=bytes.fromhex(number))
    await office(services, "pension").receive_announcement(Announcement(permit=again), 1)
    await services.settle()

    assert await heard(services) == [("tax-hana", "income")]


async def test_a_power_cut_between_the_office_and_its_gateway_makes_no_second_notice(
    services, monkeypatch
):
    await subscribe(services, "hana")
    receiving = services.gateway("news").relaying.receiving
    spend = type(receiving).spend

    async def cut(*_):
        monkeypatch.setattr(type(receiving), "spend", spend)
        raise ConnectionResetError

    monkeypatch.setattr(type(receiving), "spend", cut)
    await announce(services, "hana")
    services.clock.advance(timedelta(seconds=11))
    await services.settle()

    assert await heard(services) == [("tax-hana", "income")]
    assert await services.gateway("pension").standing.outbox.dead() == []


async def test_the_citizen_sees_who_subscribed_and_who_announced(services):
    await subscribe(services, "hana")
    await announce(services, "hana")

    lines = await services.lines("hana")

    assert [(one.kind, one.inquirer, one.provider, one.item, one.answered) for one in lines] == [
        ("announce", "pension", "news", "income", True),
        ("subscribe", "tax", "news", "income", True),
    ]
    assert await services.lines("taro") == []
    assert await services.findings() == []


async def test_who_hears_of_a_change_must_still_ask_under_the_law(services):
    await subscribe(services, "hana", agency="bank")
    services.ledger["pension"].held["pension-hana", "income"] = "withheld"

    await announce(services, "hana")

    assert await heard(services, "bank") == [("bank-hana", "income")]
    with pytest.raises(NotPermitted):
        await ask(services, inquirer="bank")
    assert await ask(services) == [None]


async def test_a_subscription_lapses_and_is_renewed(services):
    first = await subscribe(services, "hana")
    services.clock.advance(timedelta(days=60))
    again = await subscribe(services, "hana")
    services.clock.advance(timedelta(days=60))
    await announce(services, "hana")
    services.clock.advance(timedelta(days=31))
    await announce(services, "hana")

    assert again.until - first.until == timedelta(days=60).total_seconds()
    assert await heard(services) == [("tax-hana", "income")]


async def test_one_member_may_be_told_alone_of_somebody_whom_it_does_not_know(services):
    async with services.databases["bank"].begin() as connection:
        await connection.execute(store.people.delete())

    number = await announce(services, "hana", to="bank")
    await announce(services, "hana", to="bank", number=number)
    again = await announce(services, "hana", to="bank")

    feed = (await services.gateway("bank").read_changes(0)).changes
    assert [(one.item, one.by, one.alone) for one in feed] == [("income", "pension", True)] * 2
    assert len({one.person for one in feed}) == 1
    assert again != number
    assert [one.provider for one in await services.lines("hana")] == ["bank", "bank"]
    assert await services.news.notices("bank", 0) == Notices(feed="0" * 32, notices=[])


async def test_who_subscribed_hears_who_announced_it_so_that_nobody_else_need_be_asked(services):
    await subscribe(services, "hana")

    await announce(services, "hana")
    await services.settle()

    [change] = (await services.gateway("tax").read_changes(0)).changes
    assert (change.by, change.alone) == ("pension", False)


async def test_who_listens_is_woken_by_news(services):
    await subscribe(services, "hana")
    tax = services.gateway("tax")
    listening = asyncio.create_task(tax.listen(within=60))

    await announce(services, "hana")
    await services.settle()

    await asyncio.wait_for(listening, 10)
    assert await heard(services) == [("tax-hana", "income")]


@pytest.mark.parametrize("turns", range(3))
async def test_who_listens_stops_when_told_also_at_the_moment_of_news(services, turns):
    tax = services.gateway("tax")
    listening = asyncio.create_task(tax.listen(within=60))
    await asyncio.sleep(0.01)

    tax.standing.news.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    heard_already = listening.done()
    listening.cancel()

    await asyncio.wait([listening], timeout=5)
    assert heard_already or listening.cancelled()


async def test_pseudonyms_that_moved_are_still_heard_of(services):
    await subscribe(services, "hana")
    for agency in ("tax", "pension"):
        await services.core.begin_epoch(agency)
        await services.gateway(agency).moving.follow()

    await announce(services, "hana")

    assert await heard(services) == [("tax-hana", "income")]
    with pytest.raises(EpochPassed):
        await services.core.begin_epoch("news")


# --- at least once, and once in effect ------------------------------------------------------------


async def pushed(services, monkeypatch, answer):
    """What the change office meets at its next pushes: `answer` raises, or lets it through."""
    real = GatewayClient.receive_notices

    async def receive(self, notices):
        answer()
        return await real(self, notices)

    monkeypatch.setattr(GatewayClient, "receive_notices", receive)


async def test_a_notice_that_was_lost_on_its_way_is_fetched_with_the_next(services, monkeypatch):
    await subscribe(services, "hana", "taro")

    def refuses():
        raise Forbidden("not now")

    await pushed(services, monkeypatch, refuses)
    await announce(services, "hana")
    monkeypatch.undo()
    assert await heard(services) == []

    await announce(services, "taro")

    assert await heard(services) == [("tax-hana", "income"), ("tax-taro", "income")]


async def test_a_dead_letter_is_seen_and_released(services, monkeypatch):
    await subscribe(services, "hana")

    def refuses():
        raise Forbidden("not now")

    await pushed(services, monkeypatch, refuses)
    await announce(services, "hana")
    monkeypatch.undo()

    [dead] = (await operate(services, "GET", "/dead-letters"))["letters"]
    assert (dead["outbox"], dead["topic"], dead["problem"]) == ("changes", "notices", "forbidden")
    await operate(services, "POST", f"/dead-letters/changes/{dead['number']}/release")
    await services.settle()

    assert await heard(services) == [("tax-hana", "income")]
    assert (await operate(services, "GET", "/dead-letters"))["letters"] == []


@pytest.mark.parametrize("letter", ["changes/9", "nothing/1", "changes/99999999999999999999"])
async def test_a_letter_that_is_not_there_is_not_released(services, letter):
    with pytest.raises(Problem) as refused:
        await operate(services, "POST", f"/dead-letters/{letter}/release")

    assert refused.value.status in {404, 422}


async def operate(services, method, path):
    reply = await services.http.send(
        method,
        services.origin("news") + path,
        headers={"authorization": f"Bearer {OPERATOR}"},
    )
    return json.loads(reply.raise_problem().content or b"null")


async def test_a_reply_that_was_lost_brings_the_notice_again_and_it_counts_once(
    services, monkeypatch
):
    await subscribe(services, "hana")
    real, lost = GatewayClient.receive_notices, []

    async def receive(self, notices):
        receipt = await real(self, notices)
        if not lost:
            lost.append(notices)
            raise http_.Unavailable("the reply was lost", neighbour="tax")
        lost.append(notices)
        return receipt

    monkeypatch.setattr(GatewayClient, "receive_notices", receive)
    await announce(services, "hana")
    services.clock.advance(timedelta(seconds=11))
    await services.settle()

    assert await heard(services) == [("tax-hana", "income")]
    assert len({one.sealed for one in lost}) == len(lost) == 2


async def test_a_change_office_that_lost_everything_is_heard_again(services):
    await subscribe(services, "hana")
    await announce(services, "hana")
    async with services.databases["news"].begin() as connection:
        for table in changes_store.metadata.sorted_tables:
            await connection.execute(table.delete())

    await subscribe(services, "hana")
    await announce(services, "hana")

    assert await heard(services) == [("tax-hana", "income")] * 2


async def test_the_feed_can_be_read_again_from_any_place(services):
    await subscribe(services, "hana", "taro", "mei")
    for name in ("hana", "taro", "mei"):
        await announce(services, name)
    first = (await services.gateway("tax").read_changes(0)).changes

    assert [one.person for one in first] == ["tax-hana", "tax-taro", "tax-mei"]
    assert await heard(services, after=first[0].number) == (await heard(services))[1:]
    assert (await services.gateway("tax").read_changes(first[2].number)).next == first[2].number


# --- attacks --------------------------------------------------------------------------------------


async def test_a_permit_for_the_change_office_is_used_once(services):
    client = office(services, "pension")
    token = await permitted(services, "pension", "announce")
    await client.receive_announcement(Announcement(permit=token), 1)

    with pytest.raises(PermitSpent):
        await client.receive_announcement(Announcement(permit=token), 1)


async def test_a_permit_to_subscribe_announces_nothing_and_the_other_way_round(services):
    subscribing = await permitted(services, "tax", "subscribe")
    announcing = await permitted(services, "pension", "announce")

    with pytest.raises(PermitRefused):
        await office(services, "tax").receive_announcement(Announcement(permit=subscribing), 1)
    with pytest.raises(PermitRefused):
        await office(services, "pension").receive_subscription(Subscription(permit=announcing), 1)


async def test_a_permit_for_the_change_office_has_an_end(services):
    token = await permitted(services, "tax", "subscribe")
    services.clock.advance(timedelta(minutes=6))

    with pytest.raises(PermitExpired):
        await office(services, "tax").receive_subscription(Subscription(permit=token), 1)


async def test_nobody_but_the_change_office_plays_it(services):
    client = GatewayClient(services.gateway("pension").standing.signed, services.origin("bank"))

    with pytest.raises(NoChangeOffice):
        await client.list_notices(0)


async def test_notices_come_from_the_change_office_alone(services):
    await subscribe(services, "hana")
    [tag] = await tags(services)
    forged = sealed_by(services, "pension", "tax", tag)

    client = GatewayClient(services.gateway("pension").standing.signed, services.origin("tax"))
    with pytest.raises(Forbidden):
        await client.receive_notices(forged)
    client = GatewayClient(services.gateway("news").standing.signed, services.origin("tax"))
    with pytest.raises(SealBroken):
        await client.receive_notices(forged)

    assert await heard(services) == []


async def test_notices_for_another_member_do_not_open(services):
    await subscribe(services, "hana", agency="bank")
    [tag] = await tags(services, "bank")
    client = GatewayClient(services.gateway("news").standing.signed, services.origin("tax"))

    with pytest.raises(SealBroken):
        await client.receive_notices(await seal(services, "bank", tag))


async def test_a_feed_with_a_gap_is_refused(services):
    await subscribe(services, "hana")
    [tag] = await tags(services)
    async with services.databases["news"].begin() as connection:
        rows = [
            {
                "subscriber": "tax",
                "place": place,
                "tag": tag,
                "item": "income",
                "at": services.clock(),
            }
            for place in (2, 3)
        ]
        await connection.execute(changes_store.notices.insert(), rows)
    client = GatewayClient(services.gateway("news").standing.signed, services.origin("tax"))

    with pytest.raises(NoticesRefused):
        await client.receive_notices(await seal(services, "tax", tag, place=3))

    assert await heard(services) == []


async def test_a_tag_that_was_never_given_out_is_recorded_and_holds_nothing_up(services):
    await subscribe(services, "hana", "taro")
    async with services.databases["tax"].begin() as connection:
        await connection.execute(
            store.subscriptions.delete().where(store.subscriptions.c.person == "tax-hana")
        )

    await announce(services, "hana", "taro")

    assert await heard(services) == [("tax-taro", "income")]
    async with services.databases["tax"].look() as connection:
        [refusal] = await store.read_refusals(connection)
    assert (refusal.sender, refusal.problem) == ("news", "tag-unknown")


async def tags(services, agency="tax"):
    async with services.databases[agency].look() as connection:
        return list((await connection.execute(select(store.subscriptions.c.tag))).scalars())


def notices_of(tag, place=1, feed=None):
    notice = Notice(place=place, tag=tag, item="income", at=1)
    return Notices(feed=feed or new_id(), notices=[notice])


def sealed_by(services, sender, reader, tag):
    relaying = services.gateway(sender).relaying
    member = services.gateway(reader).standing.identity.member
    return relaying._sealed(member, notices_of(tag))


async def seal(services, reader, tag, place=1):
    async with services.databases["news"].look() as connection:
        feed = (await connection.execute(select(changes_store.feeds.c.feed))).scalar_one()
    member = services.gateway(reader).standing.identity.member
    return services.gateway("news").relaying._sealed(member, notices_of(tag, place, feed))


# --- what each party knows ------------------------------------------------------------------------


async def known_at_the_office(services):
    """The pseudonyms and numbers that the change office's gateway keeps."""
    async with services.databases["news"].look() as connection:
        rows = (await connection.execute(select(store.people.c.code, store.people.c.person))).all()
    unwrap = services.gateway("news").standing.people.unwrap
    return {unwrap(row.code).value: row.person for row in rows}


async def test_the_office_cannot_join_what_it_knows_of_two_items(services):
    await subscribe(services, "hana", item="income")
    await subscribe(services, "hana", item="exchange-records")

    known = await known_at_the_office(services)

    assert len(known) == len(set(known.values())) == 2


async def test_two_subscribers_of_one_person_meet_at_the_office_alone(services):
    """The limit to state: the office knows that two agencies care about this item of one unnamed person."""
    await subscribe(services, "hana", agency="tax")
    await subscribe(services, "hana", agency="bank")

    assert len(await known_at_the_office(services)) == 1
    assert not set(await tags(services, "tax")) & set(await tags(services, "bank"))


async def test_the_office_meets_no_number_and_no_pseudonym_of_another(services):
    await subscribe(services, "hana", "taro")
    await announce(services, "hana")
    codes = {
        (await services.code(agency, name)).value
        for agency in ("tax", "pension", "bank")
        for name in ("hana", "taro")
    }

    assert not codes & (await known_at_the_office(services)).keys()
    async with services.databases["news"].look() as connection:
        rows = await connection.execute(select(changes_store.subscriptions))
        said = {str(value) for row in rows for value in row}
    assert not {one for one in said if "hana" in one or "taro" in one}


async def test_the_core_sees_no_tag_no_announcement_and_no_notice(services):
    await subscribe(services, "hana")
    number = await announce(services, "hana")
    secret = [*await tags(services), number]

    at_core = [f"{url} {headers} {sent!r} {got!r}" for url, headers, sent, got in services.captured
               if url.startswith(CORE)]  # fmt: skip
    async with services.databases["core"].look() as connection:
        bodies = await connection.execute(text("SELECT body FROM log_entries"))
        at_core += [row.body for row in bodies]

    assert any("announce" in one for one in at_core)
    assert not [one for one in at_core if any(each in one for each in secret)]


async def test_no_wire_shows_a_tag(services):
    await subscribe(services, "hana")
    await announce(services, "hana")
    [tag] = await tags(services)

    carried = [f"{headers} {sent!r} {got!r}" for _, headers, sent, got in services.captured]

    assert not [one for one in carried if tag in one]


async def test_the_announcer_does_not_learn_whether_anybody_subscribed(services):
    replies = []
    for subscribed in (False, True):
        if subscribed:
            await subscribe(services, "hana")
        token = await permitted(services, "pension", "announce", note=bytes(16))
        reply = await office(services, "pension").receive_announcement(
            Announcement(permit=token), 1
        )
        replies.append(reply)

    assert replies[0] == replies[1]


async def test_padding_gives_each_person_one_tag(services):
    await subscribe(services, "hana", "taro", "mei")

    async with services.databases["news"].look() as connection:
        rows = await connection.execute(select(changes_store.subscriptions.c.tag))
        at_office = set(rows.scalars())

    assert len(at_office) == 3
    assert at_office < set(await tags(services))
    assert len(blinding.shuffle(3).places) == 4
