"""Settings: read once, and everything wrong is named at once."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from kiban.shared.settings import Secret, SettingsWrong, read


@dataclass(frozen=True, slots=True)
class Kettle:
    origin: str
    key: Secret
    cups: int = 4
    warm: bool = False
    heat: float = 0.9
    place: Path = Path("/kitchen")
    wait: timedelta = timedelta(minutes=3)
    teas: tuple[str, ...] = ("green",)
    owner: str | None = None


def test_everything_is_read_in_its_type():
    env = {
        "TEA_ORIGIN": "http://tea.localhost",
        "TEA_KEY": "leaf",
        "TEA_CUPS": "7",
        "TEA_WARM": "Yes",
        "TEA_HEAT": "0.5",
        "TEA_PLACE": "/garden",
        "TEA_WAIT": "1.5",
        "TEA_TEAS": "green, black,",
        "TEA_OWNER": "Hanako",
    }
    assert read(Kettle, env, "TEA_") == Kettle(
        origin="http://tea.localhost",
        key=Secret("leaf"),
        cups=7,
        warm=True,
        heat=0.5,
        place=Path("/garden"),
        wait=timedelta(seconds=1.5),
        teas=("green", "black"),
        owner="Hanako",
    )


def test_a_secret_may_stand_in_a_file_and_hides_itself(tmp_path):
    (tmp_path / "key").write_text("leaf\n")

    kettle = read(Kettle, {"ORIGIN": "http://t", "KEY_FILE": str(tmp_path / "key")}, "")

    assert kettle.key.reveal() == "leaf"
    assert "leaf" not in f"{kettle!r} {kettle.key} {kettle.key!r}"


def test_everything_wrong_is_named_at_once_without_its_value(tmp_path):
    env = {
        "CUPS": "many-and-secret",
        "WARM": "perhaps",
        "WAIT": "1e999",
        "KEY_FILE": str(tmp_path / "no"),
    }

    with pytest.raises(SettingsWrong) as raised:
        read(Kettle, env, "")

    said = str(raised.value)
    assert all(name in said for name in ("ORIGIN is missing", "CUPS", "WARM", "WAIT", "KEY"))
    assert "secret" not in said
