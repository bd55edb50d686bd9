"""The architect's files: `kiban check` passes what is right, and says file, line and reason of each mistake."""

import pytest

from kiban.deploy.__main__ import main
from tests.stories.architect import add_labour_office, change, copied_country

MISTAKES = {
    "a word that no agency file knows": (
        "agencies/labour.toml", "[[holds]]", "[[hoards]]", "hoards",
    ),
    "a name in one language only": (
        "agencies/labour.toml", ', en = "Labour office (SIMULATED)" }', " }", "en is missing",
    ),
    "a file that is called otherwise": (
        "agencies/labour.toml", 'id = "labour"', 'id = "annuity"', "annuity",
    ),
    "an agency that nobody introduced": (
        "law/labour.toml", 'provider = "labour"', 'provider = "laobur"', "has the member laobur",
    ),
    "an affair that no law names": (
        "law/labour.toml", 'affair = "child-allowance"', 'affair = "child-alowance"', "no file of law/ has the affair",
    ),
    "an item without a layout": (
        "law/labour.toml", 'item = "labour"', 'item = "annuity"', "no file of layouts/ has the item annuity",
    ),
    "an excluded domain": (
        "law/labour.toml", 'inquirer = "kamakura"', 'inquirer = "police"', "excluded domain policing",
    ),
    "a domain of which nobody is": (
        "law/labour.toml", 'inquirer = "kamakura"', 'inquirer = { domain = "towns" }',
        "no member is of the domain towns",
    ),
    "an excluded domain as a whole": (
        "law/labour.toml", 'inquirer = "kamakura"', 'inquirer = { domain = "policing" }',
        "policing is an excluded domain",
    ),
    "a way to name many that is none": (
        "law/labour.toml", 'inquirer = "kamakura"', 'inquirer = { kind = "municipality" }', "domain is missing",
    ),
    "a member that asks itself": (
        "law/labour.toml", 'provider = "labour"', 'provider = "kamakura"', "asks itself nothing",
    ),
    "a row that stands in the law twice": (
        "law/labour.toml", 'id = "child-allowance.9"', 'id = "child-allowance.1"',
        "child-allowance.1, edition 1, stands in the country's files twice",
    ),
    "a day that is none": (
        "law/labour.toml", "from = 2020-04-01", 'from = "April"', "expected a date",
    ),
    "a kind of exchange that is none": (
        "law/labour.toml", 'kind = "inquiry"', 'kind = "inquest"', "expected one of",
    ),
    "a kind of field that is none": (
        "layouts/labour.toml", 'type = "integer"', 'type = "number"', "expected one of",
    ),
    "two fields of one name": (
        "layouts/labour.toml", 'name = "yearly_amount_yen"', 'name = "kind"', "kind is a field already",
    ),
    "a record that its layout does not have": (
        "people/reiji-tomi.toml", "yearly_amount_yen = 831_700", 'yearly_amount_yen = "plenty"', "values",
    ),
    "a record at an agency that does not hold it": (
        "people/reiji-tomi.toml", 'item = "labour"', 'item = "income"', "labour does not hold income",
    ),
    "a municipality whose check digit is wrong": (
        "people/reiji-tomi.toml", 'municipality = "142042"', 'municipality = "142043"', "municipality",
    ),
    "a question for what an office holds": (
        "procedures/child-allowance.toml", 'name = "employer"', 'name = "household"', "household",
    ),
    "a procedure that its office does not accept": (
        "procedures/child-allowance.toml", 'office = "kamakura"', 'office = "tax"', "tax",
    ),
    "a corporate number whose check digit is wrong": (
        "legal-entities.toml", 'number = "7900001000001"', 'number = "8900001000001"', "check digit",
    ),
    "a town that the postal data do not know": (
        "legal-entities.toml", 'town = "御成町"', 'town = "御成り町"', "鎌倉市 has no such town",
    ),
    "a record that its holder does not announce": (
        "agencies/resident-network.toml",
        'item = "resident-record"\nprovider = {', 'item = "household"\nprovider = {',
        "fujisawa does not announce that household changed",
    ),
    "an answer that the procedure does not ask": (
        "agencies/kamakura.toml", 'since = "moved_on"', 'since = "moved_in"',
        "the procedure asks no date called moved_in",
    ),
    "an answer where nobody is asked": (
        "agencies/tax.toml", 'from = "day"', 'from = "answer", name = "day"', "expected one of read, day, text",
    ),
    "a relation that no law names": (
        "law/child-allowance.toml", 'of = "spouse"', 'of = "cousin"', "no file of law/ has the relation cousin",
    ),
    "a relation that the office does not know": (
        "agencies/kamakura.toml", 'affair = "child-allowance", of = "spouse"',
        'affair = "child-allowance", of = "cousin"', "kamakura relates nobody as cousin",
    ),
    "a relation by what no entry says": (
        "domains/municipality.toml", 'field = "relation"\npairs', 'field = "kinship"\npairs',
        "members of household has no kinship",
    ),
    "a condition on a field that no layout has": (
        "agencies/kamakura.toml", 'field = "total_income_yen", value', 'field = "income_yen", value',
        "the layout of income has no income_yen there",
    ),
    "a condition on a list's field that no layout has": (
        "agencies/kamakura.toml", 'field = "birth_date", years', 'field = "born_on", years',
        "the layout of household has no born_on there",
    ),
    "a number of somebody of whom nothing is read": (
        "agencies/kamakura.toml", 'field = "total_income_yen", of = "spouse"',
        'field = "total_income_yen", of = "child"', "income of the child is not among what the office reads",
    ),
    "what is asked of somebody else without a row": (
        "procedures/child-allowance.toml", 'of = "spouse"', 'of = "child"',
        "the law does not let kamakura read income of the child of tax",
    ),
    "what is no TOML at all": (
        "layouts/labour.toml", "edition = 1", "edition = = 1", "no TOML",
    ),
    "a number that no answer can carry": (
        "people/mihon.toml", "= 3_120_000", "= 9_007_199_254_740_992", "total_income_yen: a whole number",
    ),
}  # fmt: skip


@pytest.fixture
def country(tmp_path):
    folder = copied_country(tmp_path)
    add_labour_office(folder)
    return folder


def test_the_country_that_ships_is_right(tmp_path, capsys):
    assert main(["check", str(copied_country(tmp_path))]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_a_new_agency_item_row_and_person_are_right(country, capsys):
    assert main(["check", str(country)]) == 0
    assert "no mistakes" in capsys.readouterr().out


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_reason(country, capsys, mistake):
    name, before, after, reason = MISTAKES[mistake]
    line = change(country, name, before, after)

    status = main(["check", str(country)])

    said = capsys.readouterr().err.splitlines()
    assert status == 1
    assert [
        each for each in said if each.startswith(f"{country / name}:{line}: ") and reason in each
    ], said


def test_every_mistake_is_named_at_once_and_once(country, capsys):
    first = change(country, "law/labour.toml", 'provider = "labour"', 'provider = "laobur"')
    second = change(country, "law/labour.toml", 'kind = "inquiry"', 'kind = "inquest"')

    main(["check", str(country)])

    said = capsys.readouterr().err.splitlines()
    assert {
        int(each.removeprefix(f"{country / 'law/labour.toml'}:").partition(":")[0]) for each in said
    } >= {first, second}
    assert len(said) == len(set(said))


def test_a_directory_that_holds_no_country_is_named(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "country.toml:1: cannot be read" in capsys.readouterr().err
