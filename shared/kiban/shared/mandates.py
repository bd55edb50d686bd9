"""
Mandates (代理権) on the wire: what is told of one to whoever acts, is acted for, or has to check it.

Who keeps the register names a mandate to each member differently, so that two members cannot join what they know of
one; a *reference* is drawn for one use alone.

Source: decision 0020; 民法99条 (agency), 824条 (guardians).
"""

from typing import Annotated, Literal

from pydantic import Field

from kiban.shared.exchanges import Hex64, Name, Seconds, Shape
from kiban.shared.problems import Problem

Basis = Literal["guardian", "counter"]
"""On what a mandate rests: on the law, for a child, or on what its principal said at a counter."""
Reference = Annotated[str, Field(pattern=r"^[0-9a-f]{96}$")]


class MandateUnknown(Problem):
    slug, title, status = "mandate-unknown", "There is no such mandate", 404


class MandateNotYours(Problem):
    slug, title, status = "mandate-not-yours", "The mandate is another person's", 403


class MandateEnded(Problem):
    slug, title, status = "mandate-ended", "The mandate does not hold now", 403


class MandateScope(Problem):
    slug, title, status = "mandate-scope", "The mandate does not reach so far", 403


class Scope(Shape):
    """In what a proxy may act: two closed lists, and until when."""

    basis: Basis
    items: list[Name] = Field(max_length=32, description="what the proxy may read")
    affairs: list[Name] = Field(max_length=16, description="in what the proxy may apply")
    until: Seconds

    def check_item(self, item: str) -> None:
        if item not in self.items:
            raise MandateScope(
                "the mandate does not let its proxy read this item",
                sent=item,
                expected=", ".join(self.items),
            )

    def check_affair(self, affair: str) -> None:
        if affair not in self.affairs:
            raise MandateScope(
                "the mandate does not let its proxy act in this affair",
                sent=affair,
                expected=", ".join(self.affairs),
            )


class MandateLine(Scope):
    """A mandate as one of its two people sees it."""

    mandate: Hex64 = Field(description="what it is called towards the member that asks")
    part: Literal["principal", "proxy"] = Field(description="which of the two this person is")
    other: str = Field(description="the other one's name")
    starts: Seconds
    ended_at: Seconds | None = None
    in_force: bool
    token: str | None = Field(
        default=None, description="about the principal, while this person may act for them"
    )

    def __repr__(self) -> str:
        return f"MandateLine({self.mandate[:8]}…)"


class MandateInForce(Scope):
    """A mandate that holds now."""

    principal: str = Field(description="the name of whom is acted for")
    reference: Reference = Field(description="by which one other member can ask, once it is signed")

    def __repr__(self) -> str:
        return "MandateInForce(…)"
