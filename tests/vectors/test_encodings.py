"""Vectors of the standards for texts and digests, by section."""

import pytest

from kiban.shared import canonical, encoding, signatures
from kiban.shared.identifiers import check_corporate_number


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg"),
     (b"fooba", "Zm9vYmE"), (b"foobar", "Zm9vYmFy")],
)  # fmt: skip
def test_base64_without_padding(data, text):
    """RFC 4648, section 10."""
    assert encoding.encode(data) == text
    assert encoding.decode(text) == data


def test_base64url_of_the_jws_example():
    """RFC 7515, appendix C."""
    assert encoding.encode(bytes([3, 236, 255, 224, 193])) == "A-z_4ME"


@pytest.mark.parametrize("text", ["Zg==", "Zh", "Zm9v\n", "Zm 9v", "Zm9+", "Zm9/", "Z", "あ"])
def test_base64url_that_is_not_canonical_is_refused(text):
    """RFC 4648, sections 3.2, 3.3 and 3.5."""
    with pytest.raises(ValueError, match="base64url"):
        encoding.decode(text)


def test_the_digest_of_a_body():
    """RFC 9530, appendix D: the body of the examples, with its line feed."""
    body = b'{"hello": "world"}\n'

    assert signatures.content_digest(body) == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )


def test_canonical_text_of_the_standards_literals():
    """RFC 8785, section 3.2.2: literals and the escapes that strings need."""
    value = {"literals": [None, True, False], "string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/"}

    assert canonical.encode(value).decode() == (
        '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_the_tax_agencys_worked_check_digit():
    """The National Tax Agency's page on the corporate number's check digit."""
    assert check_corporate_number("8700110005901")
