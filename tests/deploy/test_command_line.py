"""The command line: what it says when something does not fit."""

import socket

import pytest

from kiban.deploy.__main__ import main
from kiban.deploy.premises import DEED
from tests.stories.architect import change, copied_country


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out.startswith("kiban ")


def test_data_of_another_country_is_refused(tmp_path, capsys):
    country = copied_country(tmp_path)
    data = ["--data", str(tmp_path / "data")]
    main(["prepare", *data])
    change(country, "country.toml", 'id = "akitsu"', 'id = "elsewhere"')

    status = main(["up", *data, "--country", str(country)])

    said = capsys.readouterr().err
    assert status == 1
    assert "This data is another country's" in said
    assert "urn:kiban:problem:other-country" in said


def test_a_country_with_mistakes_is_not_started(tmp_path, capsys):
    country = copied_country(tmp_path)
    line = change(country, "law/child-allowance.toml", 'item = "bank-account"', 'item = "account"')

    status = main(["up", "--data", str(tmp_path / "data"), "--country", str(country)])

    assert status == 1
    assert f"child-allowance.toml:{line}: item: " in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_role_that_the_country_does_not_have_is_named(tmp_path, capsys):
    status = main(["serve", "gateway:moon", "--data", str(tmp_path / "data")])

    said = capsys.readouterr().err
    assert status == 1
    assert "gateway:moon" in said
    assert "urn:kiban:problem:role-unknown" in said


def test_a_busy_port_is_named(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        base = str(other.getsockname()[1])

        status = main(["up", "--data", str(tmp_path / "data"), "--port-base", base])

    said = capsys.readouterr().err
    assert status == 1
    assert f"127.0.0.1:{base}" in said
    assert "urn:kiban:problem:port-busy" in said


@pytest.mark.parametrize("base", ["80", "70000", "many"])
def test_a_port_base_that_is_none_is_refused(base, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["up", "--port-base", base])

    assert "a port base is a number" in capsys.readouterr().err


def test_reset_forgets_the_data_and_nothing_else(tmp_path, capsys):
    data, other = tmp_path / "data", tmp_path / "other"
    other.mkdir()
    main(["prepare", "--data", str(data)])
    assert (data / DEED).exists()

    assert main(["reset", "--data", str(data)]) == 0
    assert main(["reset", "--data", str(other)]) == 0

    assert not data.exists()
    assert other.exists()
    assert "holds no country" in capsys.readouterr().out
