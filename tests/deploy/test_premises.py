"""Premises: origins stay, secrets are made once, and nothing of another country is mixed in."""

import shutil
import stat

import pytest

from kiban.deploy import premises
from kiban.deploy.premises import OtherCountry, OtherPorts, PremisesUnreadable, SecretMissing

ROLES = ("authority", "login", "gateway:tax")


def settled(place, **changes):
    return premises.settle(
        place, **{"country": "akitsu", "roles": ROLES, "port_base": None} | changes
    )


def test_each_role_has_an_origin_of_its_own(tmp_path):
    here = settled(tmp_path)

    assert here.origins == {
        "authority": "http://127.0.0.1:8700",
        "gateway:tax": "http://127.0.0.1:8701",
        "login": "http://login.localhost:8702",
    }


def test_an_origin_once_given_stays_when_a_role_is_added(tmp_path):
    before = settled(tmp_path)

    after = settled(tmp_path, roles=[*ROLES, "bank"])

    assert after.origins == {**before.origins, "bank": "http://bank.localhost:8703"}


def test_a_secret_is_made_once_and_read_by_its_owner_alone(tmp_path):
    first = settled(tmp_path).secret("operator")

    assert settled(tmp_path).secret("operator") == first
    assert len(first.reveal()) == 64
    assert stat.S_IMODE((tmp_path / "secrets" / "operator").stat().st_mode) == 0o600


def test_a_members_secret_follows_from_the_enrolment_secret(tmp_path):
    here = settled(tmp_path)

    assert here.member_secret("tax") == settled(tmp_path).member_secret("tax")
    assert here.member_secret("tax") != here.member_secret("kamakura")


def test_another_countrys_data_is_refused(tmp_path):
    settled(tmp_path)

    with pytest.raises(OtherCountry, match="akitsu"):
        settled(tmp_path, country="elsewhere")


def test_another_port_base_is_refused(tmp_path):
    settled(tmp_path, port_base=9000)

    assert settled(tmp_path).origin("authority") == "http://127.0.0.1:9000"
    with pytest.raises(OtherPorts):
        settled(tmp_path, port_base=9100)


def test_ports_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(OtherPorts):
        settled(tmp_path, port_base=65_535)


def test_a_spoilt_deed_is_named(tmp_path):
    (tmp_path / premises.DEED).write_text("{")

    with pytest.raises(PremisesUnreadable, match=r"premises\.json"):
        settled(tmp_path)


def test_a_container_makes_no_secret(tmp_path):
    made = settled(tmp_path).secret("operator")
    inside = premises.mounted(tmp_path, tmp_path / "secrets")

    assert inside.secret("operator") == made
    with pytest.raises(SecretMissing, match="role-bank"):
        inside.secret("role-bank")


def test_what_is_not_the_countrys_stays_where_it_is(tmp_path):
    settled(tmp_path)
    thesis = tmp_path / "thesis.sqlite"
    thesis.touch()
    (tmp_path / f"{ROLES[0]}.sqlite-wal").touch()

    assert premises.forget(tmp_path)

    assert list(tmp_path.iterdir()) == [thesis]


def test_what_was_half_removed_by_hand_is_forgotten_too(tmp_path):
    settled(tmp_path)
    shutil.rmtree(tmp_path / premises.SECRETS)

    assert premises.forget(tmp_path)

    assert not tmp_path.exists()


def test_a_foreign_file_by_the_name_of_the_deed_is_no_country(tmp_path):
    (tmp_path / premises.DEED).write_text("hi")

    with pytest.raises(premises.PremisesUnreadable):
        premises.forget(tmp_path)

    assert (tmp_path / premises.DEED).read_text() == "hi"


def test_a_country_in_which_somebody_lives_is_not_forgotten(tmp_path):
    settled(tmp_path)
    with (
        premises.lived_in(tmp_path),
        premises.lived_in(tmp_path),
        pytest.raises(premises.CountryRuns),
    ):
        premises.forget(tmp_path)

    assert premises.forget(tmp_path)


def test_only_a_directory_that_holds_a_country_is_removed(tmp_path):
    other, ours = tmp_path / "photographs", tmp_path / "data"
    other.mkdir()
    settled(ours)

    assert not premises.forget(other)
    assert premises.forget(ours)
    assert other.exists()
    assert not ours.exists()
