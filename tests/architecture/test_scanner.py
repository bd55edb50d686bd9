"""The scanner finds a value in every dress, and does not see ghosts."""

import base64
import json
import random
import sqlite3
import urllib.parse

import pytest

from tests.architecture.scanner import Value, scan

NAME = Value("name", "hanako", "見本　花子")
MY_NUMBER = Value("My Number", "hanako", "123456789018")
INCOME = Value("income", "hanako", "4321000")
PSEUDONYM = Value("pseudonym", "hanako", bytes(range(7, 39)))

DRESSES = {
    "plain": lambda raw: raw,
    "hexadecimal": lambda raw: raw.hex().encode(),
    "upper-case hexadecimal": lambda raw: raw.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64url without padding": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
    "base64 inside of more": lambda raw: base64.b64encode(b'{"a":"' + raw + b'","b":"c"}'),
    "base64 one byte on": lambda raw: base64.b64encode(b"x" + raw + b"yz"),
    "base64 two bytes on": lambda raw: base64.urlsafe_b64encode(b"xx" + raw + b"y"),
    "quoted": lambda raw: urllib.parse.quote_from_bytes(raw, safe="").encode(),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("value", [NAME, MY_NUMBER, INCOME], ids=lambda value: value.kind)
def test_what_is_planted_is_found(dress, value):
    raw = DRESSES[dress](value.raw.encode())

    assert scan([("a log", b"before: " + raw + b" after")], [value])


@pytest.mark.parametrize("dress", [name for name in DRESSES if name != "quoted"])
def test_a_planted_pseudonym_is_found(dress):
    raw = DRESSES[dress](PSEUDONYM.raw)

    assert scan([("a log", b"before: " + raw + b" after")], [PSEUDONYM])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"name": "見本　花子"}),
        json.dumps({"name": "見本　花子"}, ensure_ascii=False),
        json.dumps(json.dumps({"name": "見本　花子"})),
        "見本 花子",
        "見本花子",
        "&#35211;&#26412;&#12288;&#33457;&#23376;",
        repr("見本　花子".encode()),
    ],
)
def test_a_name_is_found_however_it_is_written(text):
    assert scan([("a trace", text.encode())], [NAME])


@pytest.mark.parametrize("codec", ["utf-16-le", "shift_jis", "euc_jp"])
def test_a_name_is_found_in_old_encodings(codec):
    assert scan([("a file", "見本　花子".encode(codec))], [NAME])


def test_what_a_database_holds_is_found(tmp_path):
    with sqlite3.connect(tmp_path / "planted.sqlite") as database:
        database.execute("CREATE TABLE kept (text, number, blob)")
        database.execute("INSERT INTO kept VALUES (?, ?, ?)", ("x", 4321000, PSEUDONYM.raw))
    dump = "\n".join(database.iterdump()).encode()

    found = {each.kind for each in scan([("dump", dump)], [NAME, INCOME, PSEUDONYM])}

    assert found == {"income", "pseudonym"}


def test_a_longer_number_is_not_a_shorter_one():
    assert not scan([("a log", b"2026-04-01T00:00:00.4321000Z1 94321000 a4321000f")], [INCOME])


def test_noise_holds_nothing():
    seeded = random.Random(7)
    noise = seeded.randbytes(1 << 19).hex().encode() + base64.b64encode(seeded.randbytes(1 << 20))

    assert not scan([("noise", noise)], [NAME, MY_NUMBER, INCOME, PSEUDONYM])
