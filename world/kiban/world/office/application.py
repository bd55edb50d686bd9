"""
The application as a citizen signed it: what an office reads out of the frozen text.

The portal writes it as RFC 8785 canonical JSON.  It holds answers, and of what offices hold only references: item,
provider, digest of the provider's statement, exchange and leaf.  An office believes none of it beyond the answers.

Refused (`ApplicationUnreadable`): another form or edition of the form, text that is not canonical, unknown members.
Source: DESIGN 4 (step 5).
"""

import json
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from kiban.gateway.contract import NotAccepted
from kiban.shared import canonical
from kiban.shared.exchanges import Count, Hex32, Hex64, MemberId, Name, Seconds, Shape
from kiban.shared.mandates import Basis, Reference

FORM = "application/1"


class HeldReference(Shape):
    """What the citizen was shown of one held item, by reference."""

    field: str = Field(max_length=64)
    item: Name
    provider: MemberId
    layout: Count
    digest: Hex64
    exchange: Hex32
    leaf: Hex64


class ActingFor(Shape):
    """That a proxy signed it for the applicant, and how to ask the authority about that."""

    basis: Basis
    reference: Reference


class Application(Shape):
    """The frozen application."""

    kiban: Literal["application/1"]
    procedure: Name
    edition: Count
    office: MemberId
    answers: dict[str, JsonValue] = Field(max_length=100, repr=False)
    held: list[HeldReference] = Field(max_length=50)
    consents: list[Hex32] = Field(max_length=20)
    made_at: Seconds
    acting: ActingFor | None = None

    def reference(self, item: str, provider: str) -> HeldReference | None:
        """What the citizen was shown of this item, if anything."""
        return next(
            (each for each in self.held if (each.item, each.provider) == (item, provider)), None
        )


def read(text: str) -> Application:
    """Read a signed text; it must be exactly the canonical form of what it says."""
    try:
        value = json.loads(text)
        application = Application.model_validate(value)
        if canonical.encode(value) != text.encode():
            raise NotAccepted("the application is not RFC 8785 canonical JSON")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotAccepted(f"the application is not of the form {FORM}", at=place) from None
    except (ValueError, TypeError, RecursionError):
        raise NotAccepted("the application is no JSON that can be canonical") from None
    return application
