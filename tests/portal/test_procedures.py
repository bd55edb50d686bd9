"""Procedures: the files of the country are read, and a form that breaks once-only is refused by its line."""

import shutil
from pathlib import Path

import pytest

from kiban.portal import procedures
from kiban.portal.contract import OfficeUnknown, ProcedureUnknown
from kiban.shared.country import CountryWrong, Mistakes
from kiban.world.cast import shipped_country

SHIPPED = "child-allowance"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the country that ships."""
    return Path(shutil.copytree(shipped_country(), tmp_path / "country"))


def lines(folder: Path) -> list[str]:
    mistakes = Mistakes()
    procedures.check(folder, mistakes)
    return [line.replace(f"{folder}/", "") for line in mistakes.lines()]


def edit(folder: Path, old: str, new: str, file: str = f"procedures/{SHIPPED}.toml") -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def add(folder: Path, text: str) -> None:
    path = folder / "procedures" / f"{SHIPPED}.toml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def asked(name: str = "colour", label: str = "好きな色", extra: str = "") -> str:
    return (
        f'\n[[field]]\nname = "{name}"\nlabel = {{ ja = "{label}", en = "Something" }}\n'
        f'type = "text"\n{extra}\n'
    )


def test_the_shipped_procedures_hold_no_mistake():
    found = procedures.load(shipped_country()).find(SHIPPED)

    assert [field.name for field in found.held] == ["household", "income", "account"]
    assert [field.consent for field in found.held] == [False, False, True]
    assert {field.name: field.type for field in found.asked} == {
        "from_month": "month",
        "employer": "company",
        "child_lives_elsewhere": "address",
        "confirm": "yes",
    }


def test_a_field_may_choose_from_a_held_list_and_a_date_may_lie_in_a_window(folder):
    add(folder, asked("who", "誰", 'of = "household"').replace('"text"', '"members"'))
    add(
        folder, asked("day", "いつ", "window = { from = -10, to = 30 }").replace('"text"', '"date"')
    )

    found = procedures.load(folder).find(SHIPPED)

    assert found.asked_field("who").of == "household"
    assert found.asked_field("day").window == procedures.Window(first=-10, last=30)


def test_a_date_may_follow_one_that_is_asked_above_it(folder):
    dates = asked("first").replace('"text"', '"date"')
    follows = 'follows = { field = "first", days = 14 }'
    add(folder, dates + asked("then", "それから", follows).replace('"text"', '"date"'))

    found = procedures.load(folder).find(SHIPPED)

    assert found.asked_field("then").follows == procedures.Following("first", 14)


@pytest.mark.parametrize(
    ("type_", "follows", "reason"),
    [
        ("text", 'field = "first", days = 14', "only a date follows another"),
        ("date", 'field = "from_month", days = 14', "no date called from_month is asked above"),
        ("date", 'field = "then", days = 14', "no date called then is asked above"),
        ("date", 'field = "first", days = -1', "it follows by 0 days or more"),
        ("date", 'field = "first"', "days is missing"),
    ],
)
def test_what_a_date_cannot_follow_is_a_mistake(folder, type_, follows, reason):
    then = asked("then", "それから", f"follows = {{ {follows} }}").replace('"text"', f'"{type_}"')
    add(folder, asked("first").replace('"text"', '"date"') + then)

    assert any(reason in line for line in lines(folder)), lines(folder)


def test_a_procedure_that_is_not_there_is_unknown():
    with pytest.raises(ProcedureUnknown):
        procedures.load(shipped_country()).find("nothing")


@pytest.mark.parametrize(
    ("name", "label", "holder"),
    [
        ("birth_date", "うまれた日", "kamakura"),
        ("total_income_yen", "いくら", "tax"),
        ("bank_account", "どこへ", "accounts"),
        ("colour", "口座番号", "accounts"),
        ("colour", "所得 情報", "tax"),
    ],
)
def test_what_an_office_holds_cannot_be_asked(folder, name, label, holder):
    add(folder, asked(name, label))

    (line,) = lines(folder)

    assert "once-only" in line
    assert holder in line
    assert line.startswith(f"procedures/{SHIPPED}.toml:")


def test_it_can_be_asked_for_a_lawful_reason(folder):
    add(folder, asked("birth_date", extra='ask_reason = "citizen-disputes"'))

    assert lines(folder) == []
    assert procedures.load(folder).find(SHIPPED).asked_field("birth_date").ask_reason


def test_an_unlawful_reason_is_none(folder):
    add(folder, asked("birth_date", extra='ask_reason = "it-is-easier"'))

    assert any("ask_reason" in line for line in lines(folder))


def test_that_there_is_no_legal_basis_is_no_reason_where_there_is_one(folder):
    add(folder, asked("total_income_yen", extra='ask_reason = "no-legal-basis"'))

    (line,) = lines(folder)

    assert "child-allowance.1" in line


def test_a_reason_without_a_holder_is_a_mistake(folder):
    add(folder, asked(extra='ask_reason = "not-matched"'))

    assert any("no reason is needed" in line for line in lines(folder))


def test_a_consent_that_the_law_asks_for_cannot_be_left_out(folder):
    edit(folder, "consent = true", "consent = false")

    assert any("write consent = true" in line for line in lines(folder))


def test_a_consent_where_the_law_permits_is_a_mistake(folder):
    edit(
        folder,
        'held = { item = "income", provider = "tax" }',
        'held = { item = "income", provider = "tax" }\nconsent = true',
    )

    assert any("permits it by law" in line for line in lines(folder))


def test_an_office_needs_no_consent_for_its_own_records(folder):
    edit(
        folder,
        'held = { item = "household", provider = "kamakura" }',
        'held = { item = "household", provider = "kamakura" }\nconsent = true',
    )

    assert any("own records" in line for line in lines(folder))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('office = "kamakura"', 'office = "atlantis"', "no file of agencies/"),
        ('office = "kamakura"', 'office = "tax"', "does not accept"),
        ('affair = "child-allowance"', 'affair = "fishing"', "no file of law/"),
        ('item = "income", provider = "tax"', 'item = "income", provider = "nobody"', "agencies/"),
        ('item = "income", provider = "tax"', 'item = "income", provider = "police"', "not hold"),
        ('item = "income", provider = "tax"', 'item = "shoes", provider = "tax"', "layouts/"),
        ('type = "month"', 'type = "colour"', "expected one of"),
        ('type = "month"', 'type = "month"\nwindow = { from = 0, to = 9 }', "only a date lies in"),
        ('type = "month"', 'type = "date"\nwindow = { from = 9, to = 0 }', "from comes before to"),
        ('type = "month"', 'type = "members"', "of is missing"),
        ('type = "month"', 'type = "members"\nof = "income"', "is no held field with a list"),
        ('type = "month"', 'type = "members"\nof = "nothing"', "is no held field with a list"),
        ('name = "employer"', 'name = "from_month"', "is a field already"),
        ("purpose = {", "porpoise = {", "purpose is missing"),
        ('id = "child-allowance"', 'id = "another-name"', "is called another-name.toml"),
        ("office =", "consent_days = 0\noffice =", "366 days"),
    ],
)
def test_every_mistake_is_named_with_its_file_and_line(folder, old, new, reason):
    edit(folder, old, new)

    assert any(reason in line for line in lines(folder)), lines(folder)
    assert all(line.startswith("procedures/") for line in lines(folder))


def test_a_procedure_says_what_others_follow(folder):
    followed = procedures.load(folder).find("moving-out").followed

    assert followed.affair == "record-upkeep"
    assert followed.items == {"resident-record", "four-attributes"}
    assert procedures.load(folder).find(SHIPPED).followed is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('affair = "record-upkeep", items', 'affair = "fishing", items'),
        ('"four-attributes"] }', '"income"] }'),
        ('"four-attributes"] }', '"shoes"] }'),
    ],
)
def test_what_nobody_may_announce_and_ask_for_cannot_be_followed(folder, old, new):
    edit(folder, old, new, "procedures/moving-out.toml")

    assert any("items: under" in line for line in lines(folder)), lines(folder)


def test_what_the_citizen_could_not_be_shown_cannot_be_held(folder):
    edit(folder, 'item = "income"', 'item = "household"', "law/self-information.toml")
    (folder / "law" / "self-information.toml").write_text("", encoding="utf-8")

    assert any("could not be shown" in line for line in lines(folder))


def test_a_submission_needs_a_row_of_the_law(folder):
    edit(folder, 'kind = "submission"', 'kind = "inquiry"', "law/child-allowance.toml")

    assert any("a submission of child-allowance" in line for line in lines(folder))


def test_a_file_that_is_no_toml_is_named_and_stops_nothing_else(folder):
    (folder / "procedures" / "broken.toml").write_text("= 1", encoding="utf-8")

    assert len(lines(folder)) == 1
    with pytest.raises(CountryWrong):
        procedures.load(folder)


# --- of many offices ------------------------------------------------------------------------------

OUT = "procedures/moving-out.toml"


def test_one_file_serves_every_office_of_a_domain():
    moving = procedures.load(shipped_country()).find("moving-out")

    assert set(moving.offices) == {"kamakura", "fujisawa"}
    for office in moving.offices:
        filed = moving.at(office)
        assert (filed.office, {one.provider for one in filed.held}) == (office, {office})


@pytest.mark.parametrize("office", [None, "tax", "nobody", ""])
def test_it_is_filed_with_one_of_them_or_with_nobody(office):
    moving = procedures.load(shipped_country()).find("moving-out")

    with pytest.raises(OfficeUnknown):
        moving.at(office)


@pytest.mark.parametrize("office", [None, "kamakura"])
def test_what_one_office_takes_needs_no_choice(office):
    assert procedures.load(shipped_country()).find(SHIPPED).at(office).office == "kamakura"


@pytest.mark.parametrize(
    ("old", "new", "file", "reason"),
    [
        ('domain = "municipality"', 'domain = "fishing"', OUT, "no member is of the domain fish"),
        ('domain = "municipality"', 'domain = "portal"', OUT, "no member of the domain portal ac"),
        ('name = { ja = "お住', 'nome = { ja = "お住', OUT, "name is missing"),
        ('item = "household"', 'item = "income"', OUT, "fujisawa does not hold income"),
        ('item = "household" }', 'item = "household", provider = "tax" }', OUT, "does not hold"),
        (
            'kind = "submission"',
            'kind = "inquiry"',
            "law/moving.toml",
            "for a submission of moving",
        ),
    ],
)
def test_a_mistake_about_many_offices_is_named_too(folder, old, new, file, reason):
    edit(folder, old, new, file)

    assert any(reason in line for line in lines(folder)), lines(folder)


def test_of_one_office_each_provider_is_named(folder):
    edit(folder, ', provider = "kamakura"', "")

    assert any("provider is missing" in line for line in lines(folder)), lines(folder)
