"""
Values that somebody's code did not expect, each planted somewhere in a request.

They are written as JSON where a document is asked for, and as text where a path, a query, a form or a header is.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Raw:
    """JSON that no writer would write."""

    text: bytes

    def __repr__(self) -> str:
        return f"Raw({self.text[:40]!r}{'…' if len(self.text) > 40 else ''})"


@dataclass(frozen=True)
class Long:
    """A text that is long; told apart from the others without being printed."""

    part: str
    times: int

    @property
    def text(self) -> str:
        return self.part * self.times


def _b64(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


SCRIPT = "<script>kiban()</script>"

CHARACTERS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\ufeff",
    "\u202egnp.exe",
    "\u200f\u200f",
    "👩‍👩‍👧‍👦",
    "e\u0301",
    "ﬃ①㍿",
    "\u2028\u2029\x85",
    "\x1b[31m\x07\x7f",
    "a\r\nset-cookie: kiban=1",
    "\U0010ffff",
    "İıſß",
]
WORDS = [
    SCRIPT,
    '"><img src=x onerror=kiban()>',
    "'; DROP TABLE kept; --",
    "%' OR '1'='1",
    "../../../etc/passwd",
    "{{7*7}}${7*7}#{7*7}",
    "%s%n%x{0}{self}",
    "http://169.254.169.254/",
    "//evil.example/",
    "javascript:kiban()",
    "null",
    "true",
    "undefined",
    "__proto__",
]
DATES = [
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "2023-02-29",
    "2024-02-29",
    "2026-13-45",
    "10000-01-01",
    "２０２６-０４-０１",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-04-01T24:00:00Z",
    "2016-12-31T23:59:60Z",
]
NUMERALS = [
    "-1",
    "-0",
    "1e309",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "٣",
    "１２３",
    "+1",
    "1.0",
    " 1",
]
HEXADECIMAL = ["0" * 32, "f" * 32, "F" * 32, "0" * 64, "f" * 64, "0" * 63, "g" * 64]
BASE64URL = ["A", "AA==", "AB", "A-_", "A+/A", "QUJD\n", "QU JD", "====", _b64(b"\x30\x82\xff\xff")]
_EMPTY = _b64("{}")
_KID = "\u00e9"
TOKENS = [
    "..",
    "a.b.c",
    f"{_EMPTY}.{_EMPTY}.",
    *(
        f"{_b64(header)}.{_EMPTY}.AA"
        for header in (
            '{"alg":"none"}',
            "[]",
            "[" * 60_000,
            "9" * 5_000,
            '{"alg":"ES256","kid":1}',
            '{"alg":"ES256","kid":"authority","typ":"kiban-token","crit":["x"]}',
            f'{{"alg":"ES256","kid":"{_KID}"}}',
            '{"alg":"ES256","kid":"\\ud800"}',
            '{"alg":"ES256","kid":"authority","typ":"kiban-token"}',
            '{"alg":"ES256","kid":"tax","typ":"kiban-outcome"}',
        )
    ),
]
LONG = [Long("x", 1_000_000), Long("あ", 40_000), Long("9", 5_000), Long("%", 9_000), Long("x", 63)]
TEXTS: list[str | Long] = [
    *CHARACTERS,
    *WORDS,
    *DATES,
    *NUMERALS,
    *HEXADECIMAL,
    *BASE64URL,
    *TOKENS,
    *LONG,
]

NUMBERS: list[object] = [
    *(0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
    *(10**40, 0.5, 1.0, -0.0, 1e308, True, False),
    *(Raw(each) for each in (b"NaN", b"Infinity", b"-Infinity", b"1E400", b"-0", b"1e2")),
    Raw(b"9" * 5_000),
]
SHAPES: list[object] = [
    None,
    [],
    {},
    [[]],
    [None],
    [""],
    {"": ""},
    {"a": {"b": {"c": []}}},
    [0] * 2_000,
    Raw(b"[" * 100 + b"]" * 100),
    Raw(b"[" * 100_000 + b"]" * 100_000),
    Raw(b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    Raw(b'"\xed\xa0\x80"'),
    Raw(b'"\xff\xfe"'),
    Raw(b'"\\ud800"'),
    Raw(b'"\\u0000"'),
    Raw(b'"\\x"'),
    Raw(b'"\n"'),
]
VALUES: list[object] = [*TEXTS, *NUMBERS, *SHAPES]

BODIES: list[bytes] = [
    b"",
    b" ",
    b"\0",
    b"\xff\xfe{\0}\0",
    b"\xef\xbb\xbf{}",
    b"{",
    b"[]",
    b'""',
    b"0",
    b"null",
    b"{}",
    b"{}{}",
    b"{'a':1}",
    b'{"a":1,"a":2}',
    b"[" * 200_000,
    b"NaN",
    b"a=b&a=c&=&%00=%ff&csrf",
    b"%",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="csrf"; filename="\xff"\r\n\r\n' + b"b" * 70_000,
    b"\x30\x03\x02\x01\x00",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x1f\x8b\x08\x00",
    b"x" * 1_100_000,
]
MEDIA_TYPES: list[bytes] = [
    b"",
    b"application/json",
    b"application/json; charset=utf-16",
    b"application/JSON;charset=\xff",
    b"application/problem+json",
    b"application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded; charset=shift_jis",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"multipart/form-data; boundary=" + b"x" * 3_000,
    b"text/plain",
    b"text/html; charset=\xe9",
    b"application/ocsp-request",
    b"nonsense",
    b";;;",
    b"application/json, application/json",
]
_COVERED = b'kiban=("@method" "@target-uri" "content-digest")'
_BY = b'alg="ecdsa-p256-sha256";tag="kiban"'
HEADERS: Mapping[bytes, list[bytes]] = {
    b"content-type": MEDIA_TYPES,
    b"accept": [b"", b"text/html", b"*/*;q=nan", b"text/html;q=0,application/json", b"\xff"],
    b"accept-language": [
        b"",
        b"\xff\xfe",
        b"en;q=nan,ja;q=inf",
        b"ja-easy;q=-1,x" * 200,
        b"../../etc/passwd",
        b",;q=,;;=",
        b"en-" + b"x" * 9_000,
    ],
    b"range": [b"bytes=0-0", b"bytes=-1", b"bytes=9-1", b"bytes=" + b"0-0," * 2_000, b"\xff"],
    b"traceparent": [
        b"",
        b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00",
        b"ff-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
        b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01-\xff",
        b"\xff" * 300,
    ],
    b"authorization": [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer \xe9\xff",
        b"Bearer " + b"x" * 9_000,
        b"Basic dXNlcjpwYXNz",
        b"bearer a b c",
        b"Signature keyid=x",
        b"Bearer a.b.c",
    ],
    b"cookie": [
        b"",
        b";;==;",
        b"portal-session=\xff\xfe; login-visit=\x00",
        b'portal-session="a\\"b"; portal-session=c; bank="',
        b"login-browser=" + b"y" * 43 + b"; login-visit=" + b"z" * 43,
        b"portal-session=" + b"x" * 9_000,
        b"lang=../../x; lang=xx",
        b"a=b; " * 2_000,
    ],
    b"content-length": [b"-1", b"abc", b"9" * 40, b"0", b"1_0", b"\xff", b""],
    b"content-digest": [b"", b"sha-256=:AAAA:", b"sha-512=:AAAA:", b"\xff"],
    b"signature": [b"", b"kiban=:AAAA:", b"kiban=:" + b"A" * 88 + b":", b"a=:b:, c=:d:", b"\xff"],
    b"signature-input": [
        b"",
        b"kiban=();created=1",
        b'kiban=("@method");created=99999999999999;nonce="";keyid="";alg="";tag=""',
        _COVERED + b';created=999999999999;nonce="a";keyid="tax";' + _BY,
        _COVERED + b';created=1775001600;nonce="a";keyid="../x";' + _BY,
        b"kiban=" + b"(" * 5_000,
        b"\xff",
    ],
    b"content-encoding": [b"gzip", b"br, deflate"],
    b"if-none-match": [b"*", b'W/"x", "y', b"\xff", b'"' * 5_000],
    b"origin": [b"null", b"http://evil.example", b"\xff"],
    b"sec-fetch-site": [b"cross-site", b"", b"\xff"],
    b"host": [b"", b"evil.example", b"a:b:c", b"\xff", b"[::1"],
    b"expect": [b"100-continue"],
    b"x-forwarded-for": [b"127.0.0.1", b"\xff"],
    b"x-http-method-override": [b"DELETE"],
    b"connection": [b"upgrade"],
    b"upgrade": [b"websocket"],
}
METHODS = [
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
    *("PROPFIND", "MKCOL", "LOCK", "PURGE", "SEARCH", "CONNECT"),
]
SEGMENTS: list[bytes] = [
    *(b"%00", b"%2f", b"%2F..%2F", b"%ff", b"%c0%ae", b"%ed%a0%80", b"..", b"%2e%2e", b"."),
    *(b"%", b"%zz", b"%25", b"%0d%0a", b";a=b", b"a%20b", b"%E2%80%AE", b"%F0%9F%91%A9", b"*"),
    *(b"-1", b"0", b"9" * 400, b"x" * 6_000, b"null", b"NaN", b"%D9%A3", b"~", b"'", b"%22"),
    *(b"0" * 32, b"f" * 32, b"f" * 64, b"authority", b"portal", b"hanako", b"A" * 33),
    *(b"142042", b"0000000000000", b"9999999999999", b"000000-k00000000", b"x.crl", b"99999.crl"),
]


def as_text(value: object) -> bytes:
    """A value as it stands in a path, a query or a form, before it is quoted."""
    match value:
        case Raw(text):
            return text
        case Long():
            return value.text.encode()
        case str():
            return value.encode(errors="surrogatepass")
        case _:
            return json.dumps(value).encode()


def as_json(value: object) -> bytes:
    """A value as JSON, with whatever was planted in it."""
    match value:
        case Raw(text):
            return text
        case Long():
            return json.dumps(value.text).encode()
        case dict():
            pairs = (
                json.dumps(str(name)).encode() + b":" + as_json(v) for name, v in value.items()
            )
            return b"{" + b",".join(pairs) + b"}"
        case Twice(one, other):
            return as_json(one)[:-1] + b"," + as_json(other)[1:]
        case list():
            return b"[" + b",".join(as_json(each) for each in value) + b"]"
        case _:
            return json.dumps(value).encode()


@dataclass(frozen=True)
class Twice:
    """An object that says some of its names twice."""

    one: dict[str, object]
    other: dict[str, object]
