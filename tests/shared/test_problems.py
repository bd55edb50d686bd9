"""Problems: one class that crosses the wire as itself."""

import pytest

from kiban.shared.problems import NotFound, Problem, TooMany, Unexplained, registered


class TeaIsCold(Problem):
    slug, title, status = "tea-is-cold", "The tea is cold", 409

    def __init__(self, cups: int) -> None:
        super().__init__(f"{cups} cups", cups=cups)


def test_a_problem_crosses_the_wire_as_itself():
    document = TeaIsCold(3).document()

    arrived = Problem.from_document(document)

    assert document["type"] == "urn:kiban:problem:tea-is-cold"
    assert type(arrived) is TeaIsCold
    assert (arrived.detail, arrived.members) == ("3 cups", {"cups": 3})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "tea-is-cold"},
        {"type": "about:blank", "detail": {"a": 1}},
        {"type": ["urn:kiban:problem:not-found"]},
        {"type": "urn:kiban:problem:" + "x" * 10_000},
    ],
)
def test_what_nobody_declared_is_unexplained(document):
    assert type(Problem.from_document(document)) is Unexplained


def test_members_that_are_no_scalars_are_left_behind():
    arrived = Problem.from_document(
        {"type": "urn:kiban:problem:not-found", "a": [1], "b": 2, "status": 3}
    )

    assert (type(arrived), arrived.members, arrived.status) == (NotFound, {"b": 2}, 404)


def test_a_slug_belongs_to_one_class():
    with pytest.raises(TypeError, match="already"):
        type("Other", (Problem,), {"slug": "not-found", "title": "x", "status": 404})


@pytest.mark.parametrize(("slug", "status"), [("Not-Found", 404), ("a b", 404), ("fine", 200)])
def test_a_slug_and_a_status_have_their_form(slug, status):
    with pytest.raises(TypeError, match="lower-case-words"):
        type("Other", (Problem,), {"slug": slug, "title": "x", "status": status})


def test_a_member_may_not_pose_as_the_standards_own():
    with pytest.raises(TypeError, match="reserved"):
        NotFound("x", type="y")


def test_how_long_to_wait_is_said_in_a_header():
    assert TooMany("slowly", retry_after_seconds=7).headers() == {"Retry-After": "7"}


def test_every_problem_is_listed_once():
    slugs = [each.slug for each in registered()]

    assert slugs == sorted(set(slugs))
    assert {"not-found", "unexplained", "tea-is-cold"} <= set(slugs)
