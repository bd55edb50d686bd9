"""A nation as files: written whole or not at all, without a mistake, and no larger than the postal data."""

from pathlib import Path

import pytest

from kiban.deploy import nation
from kiban.deploy.__main__ import main
from kiban.deploy.nation import NationImpossible
from kiban.registry import source
from tests.registry.places import postal_file

CODES = ("14208", "14210", "14211", "14204", "14205")
"""As many real municipalities, of the installed postal data, as the test needs."""


def written(place: Path) -> Path:
    """The files of a nation of five."""
    postal = postal_file(place, source.rows(source.packaged(), only=CODES))
    nation.write(place / "country", 5, postal=source.chosen(postal))
    return place / "country"


def test_the_files_of_a_nation_hold_no_mistake(tmp_path: Path) -> None:
    assert main(["check", str(written(tmp_path))]) == 0


def test_what_is_in_a_directory_already_is_not_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.touch()

    with pytest.raises(NationImpossible):
        nation.write(tmp_path, 2, postal=source.packaged())

    assert set(tmp_path.glob("*")) == {mine}


@pytest.mark.parametrize("municipalities", [1, 6])
def test_a_nation_has_no_fewer_than_are_shipped_and_no_more_than_there_are(
    tmp_path: Path, municipalities: int
) -> None:
    postal = postal_file(tmp_path, source.rows(source.packaged(), only=CODES[:3]))

    with pytest.raises(NationImpossible):
        nation.write(tmp_path / "country", municipalities, postal=source.chosen(postal))


def test_a_country_and_a_nation_are_not_asked_for_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--country", str(tmp_path), "--municipalities", "3"])

    assert "not allowed with argument --country" in capsys.readouterr().err
