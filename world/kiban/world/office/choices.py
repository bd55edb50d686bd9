"""
Choices: whom of a list that an office holds the citizen chose.

An application names places only.  They mean what the citizen saw, so they count only while the office's own reading
has the digest that she signed; of another list the same places might be other people.

Pure rules.  Source: DESIGN 4 (step 6).
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from kiban.gateway.contract import Statement
from kiban.world.layouts import Layout
from kiban.world.office import answers, decisions
from kiban.world.office.answers import AnswerWrong, Form, HeldField
from kiban.world.office.application import Application
from kiban.world.office.conditions import Values
from kiban.world.office.decisions import Returned


def chosen(
    signed: Application,
    form: Form,
    told: Values,
    statements: Sequence[Statement],
    layouts: Mapping[str, Layout],
) -> dict[str, JsonValue]:
    """The answers, with the entries in the place of each place that was chosen."""
    found = dict(told)
    for question in form.questions:
        source = form.list_of(question.name)
        if source is not None and question.name in told:
            now = _same(signed, source, statements, layouts)
            field = layouts[source.item].list_field
            try:
                entries = answers.entries(
                    question.name, told[question.name], now.values.get(field) if field else None
                )
            except AnswerWrong as wrong:
                raise Returned(decisions.ANSWER_WRONG, wrong.field) from wrong
            found[question.name] = list[JsonValue](entries)
    return found


def _same(
    signed: Application,
    source: HeldField,
    statements: Sequence[Statement],
    layouts: Mapping[str, Layout],
) -> Statement:
    """What the office has read, if that is what the citizen saw."""
    seen = signed.reference(source.item, source.provider)
    for now in statements:
        if (now.item, now.provider) == (source.item, source.provider):
            if seen is None or seen.digest != now.digest:
                break
            return now
    names = {item: layout.name for item, layout in layouts.items()}
    raise Returned(decisions.LIST_CHANGED, decisions.named([source.item], names))
