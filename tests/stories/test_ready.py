"""`kiban ready`: the ready file of a country that somebody else started."""

import json

import pytest

from kiban.deploy.__main__ import main
from kiban.deploy.embedded import free_port_base

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sockets")]


def test_it_says_what_the_country_itself_says(up, tmp_path):
    file = tmp_path / "ready.json"

    status = main(["ready", str(file), "--data", str(up.data)])

    said = json.loads(file.read_text(encoding="utf-8"))
    assert status == 0
    assert said | {"clock": ""} == up.ready | {"clock": ""}


def test_a_country_that_does_not_run_is_not_ready(tmp_path, capsys):
    base = str(free_port_base(40_000))
    main(["prepare", "--data", str(tmp_path / "data"), "--port-base", base])

    status = main(["ready", str(tmp_path / "ready.json"), "--data", str(tmp_path / "data")])

    assert status == 1
    assert "A neighbour is away" in capsys.readouterr().err
    assert not (tmp_path / "ready.json").exists()
