"""
Encoding: base64url without padding, strictly.

Many decoders skip unknown characters and accept several texts for the same bytes.  A signature over one text is
then valid for another, so this one accepts exactly the text that it would itself write.

Source: RFC 4648, sections 3.5 and 5; RFC 7515, appendix C.
"""

import base64
import binascii


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of a canonical base64url text; ValueError for any other."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise ValueError("not base64url") from None
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
