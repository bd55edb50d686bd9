"""Answers and the signed text: an office takes what was asked, in one form, and nothing else."""

import json

import pytest

from kiban.gateway.contract import NotAccepted
from kiban.shared import canonical
from kiban.shared.identifiers import corporate_check_digit
from kiban.world import cast
from kiban.world.office import answers, application
from kiban.world.office.answers import AnswerWrong, ByConsent, Question, Town, UnknownReference

COMPANY = f"{corporate_check_digit('000000000001')}000000000001"
TOWN = "142042-k00000000"


class Registers:
    """A registry of one company and one town."""

    async def check_company(self, number: str) -> None:
        if number != COMPANY:
            raise UnknownReference

    async def find_town(self, town: str) -> Town:
        if town != TOWN:
            raise UnknownReference
        return Town("142042", "神奈川県鎌倉市長谷")


ASKED = tuple(
    Question(name, name, required=False)
    for name in ("text", "yes", "month", "date", "company", "address")
)
GOOD = {
    "text": "何でも",
    "yes": True,
    "month": "2026-05",
    "date": "2024-02-29",
    "company": {"corporate_number": COMPANY, "sequence": 3},
    "address": {"town": TOWN, "rest": "1番1号", "sequence": 3},
}


async def test_good_answers_of_every_type_are_taken_and_addresses_written_out():
    checked = await answers.check(ASKED, GOOD, Registers())

    written = {"municipality": "142042", "text": "神奈川県鎌倉市長谷1番1号"}
    assert checked == {**GOOD, "address": {**GOOD["address"], **written}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("text", "x" * 201),
        ("text", 5),
        ("yes", False),
        ("yes", "yes"),
        ("yes", 1),
        ("month", "2026-13"),
        ("month", "2026-5"),
        ("month", "2026-05-01"),
        ("date", "2025-02-29"),
        ("date", None),
        ("company", COMPANY),
        ("company", {"corporate_number": COMPANY}),
        ("company", {"corporate_number": COMPANY, "sequence": 3, "name": "株式会社"}),
        ("company", {"corporate_number": COMPANY[:-1] + "2", "sequence": 3}),
        (
            "company",
            {"corporate_number": f"{corporate_check_digit('0' * 12)}{'0' * 12}", "sequence": 3},
        ),
        ("address", "神奈川県鎌倉市"),
        ("address", {"town": "142042-k00000001", "rest": "1", "sequence": 3}),
        ("address", {"town": TOWN, "rest": 5, "sequence": 3}),
        ("address", {"town": TOWN, "rest": "1" * 11, "sequence": 3}),
        ("address", {"town": TOWN, "rest": "1番1号\n", "sequence": 3}),
        ("address", {"town": TOWN, "rest": "あ" * 101, "sequence": 3}),
    ],
)
async def test_each_wrong_answer_is_named_by_its_field_and_never_by_its_value(field, value):
    with pytest.raises(AnswerWrong) as wrong:
        await answers.check(ASKED, {**GOOD, field: value}, Registers())

    assert wrong.value.field == field
    assert str(wrong.value) in {
        f"{field}: is no {kind}"
        for kind in (field, f"{field} of the registry", "town of the registry")
    } | {f"{field}: is followed by what no address has"}


async def test_what_was_not_asked_is_not_taken():
    with pytest.raises(AnswerWrong, match="household: was not asked"):
        await answers.check(ASKED, {**GOOD, "household": "4"}, Registers())


async def test_a_required_answer_may_not_be_missing():
    with pytest.raises(AnswerWrong, match="text: is missing"):
        await answers.check((Question("text", "text", required=True),), {}, Registers())


def test_the_offices_form_is_the_procedures():
    form = answers.read_form(cast.shipped_country(), "child-allowance")

    assert [(each.name, each.type, each.required) for each in form.questions] == [
        ("from_month", "month", True),
        ("employer", "company", False),
        ("child_lives_elsewhere", "address", False),
        ("confirm", "yes", True),
    ]
    assert form.consents == (ByConsent("bank-account", "accounts"),)


# --- the signed text ------------------------------------------------------------------------------

SIGNED = {
    "kiban": "application/1",
    "procedure": "child-allowance",
    "edition": 1,
    "office": "kamakura",
    "answers": {"from_month": "2026-05", "confirm": True},
    "held": [
        {
            "field": "income",
            "item": "income",
            "provider": "tax",
            "layout": 1,
            "digest": "ab" * 32,
            "exchange": "cd" * 16,
            "leaf": "ef" * 32,
        }
    ],
    "consents": ["01" * 16],
    "made_at": 1_775_000_000,
}


def written(**changed) -> str:
    return canonical.encode({**SIGNED, **changed}).decode()


def test_a_signed_application_is_read():
    read = application.read(written())

    assert read.answers["from_month"] == "2026-05"
    assert read.reference("income", "tax").digest == "ab" * 32
    assert read.reference("income", "accounts") is None
    assert "2026-05" not in repr(read)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{" * 5000,
        "\ud800",
        written(kiban="application/2"),
        written(more=1),
        written(made_at="now"),
        written(held=[{"value": "5,000,000"}]),
        written(answers={f"a{place}": 1 for place in range(101)}),
        written().replace('"edition":1', '"edition": 1'),
        written().replace('"edition":1', '"edition":1,"edition":1'),
        written().replace('"edition":1', '"edition":1.0'),
        json.dumps(SIGNED),
    ],
)
def test_anything_but_the_one_form_is_not_accepted(text):
    with pytest.raises(NotAccepted):
        application.read(text)


def test_what_is_wrong_is_named_without_the_value():
    with pytest.raises(NotAccepted) as refused:
        application.read(written(answers={"secret": "花子"}, office="Not A Member 花子"))

    assert refused.value.members == {"at": "office"}
    assert "花子" not in str(refused.value.document())
