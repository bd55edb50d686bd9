"""
Forms: what a relying party posts to the token endpoint, read strictly.

Refused: another media type, parameters in the address, a parameter sent twice, text that is not UTF-8.

Source: RFC 6749 sections 3.2 and 4.1.3, appendix B.
"""

from urllib.parse import parse_qsl

from kiban.shared.oauth import OAuthProblem

MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 30


def read(body: bytes, *, media_type: str, query: str) -> dict[str, str]:
    """The form's parameters; an empty value counts as omitted."""
    if query:
        raise OAuthProblem(
            "invalid_request",
            "parameters of a token request belong into the body, never into the address",
            expected=f"a POST with a body of type {MEDIA_TYPE}",
        )
    if media_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise OAuthProblem(
            "invalid_request",
            "the body is of another type",
            sent=media_type[:100],
            expected=MEDIA_TYPE,
        )
    try:
        pairs = parse_qsl(body.decode(), errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise OAuthProblem(
            "invalid_request",
            "the body is no form in UTF-8",
            expected=f"at most {_MOST_FIELDS} parameters, percent-encoded",
        ) from None
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OAuthProblem("invalid_request", f"sent more than once: {', '.join(twice)[:200]}")
    return dict(pairs)
