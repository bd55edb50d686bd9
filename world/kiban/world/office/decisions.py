"""
Decisions: what an office says about an application, and why.

Granted when every condition holds, refused when one does not, returned (返戻) when the application itself cannot be
decided: not the applicant's signature, an answer that cannot be taken, an item that nobody holds.  What changed since
the citizen saw it is said in the decision, and the value read now is what counts.

Pure rules.  Texts for citizens are in Japanese and English.
Source: DESIGN 4 (steps 6 and 7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kiban.gateway.contract import Statement
from kiban.world.office.agencies import Acceptance
from kiban.world.office.application import Application
from kiban.world.office.conditions import ANSWERS, Readings, Values

Text = dict[str, str]
Event = Literal["waiting", "granted", "refused", "returned", "withdrawn", "completed"]

NOT_SIGNED = {
    "ja": "電子署名または証明書を確認できないため、申請をお返しします。",
    "en": "We return the application: its signature or certificate does not hold.",
}
NOT_THE_APPLICANT = {
    "ja": "署名された方と申請者が一致しないため、申請をお返しします。",
    "en": "We return the application: whoever signed it is not the applicant.",
}
NOT_A_PROXY = {
    "ja": "署名された方は、今はこの申請の代理ができないため、申請をお返しします。",
    "en": "We return the application: whoever signed it may not act for the applicant in this now.",
}
NOT_FOR_US = {
    "ja": "この窓口あての申請ではないため、お返しします。",
    "en": "We return the application: it is not meant for this office.",
}
ANSWER_WRONG = {
    "ja": "回答に受け付けられない項目があるため、申請をお返しします：{what}。",
    "en": "We return the application: an answer cannot be taken ({what}).",
}
NOT_HELD = {
    "ja": "必要な情報がどの機関にも登録されていないため、申請をお返しします：{what}。",
    "en": "We return the application: no office holds what is needed ({what}).",
}
NO_CONSENT = {
    "ja": "同意がないため読み取れない情報があり、申請をお返しします：{what}。",
    "en": "We return the application: what is needed may not be read without consent ({what}).",
}
CHANGED = {
    "ja": "ご覧になった後に内容が変わった情報があります：{what}。新しい内容で審査しました。",
    "en": "Changed since you saw it: {what}. We decided by what is held now.",
}
LIST_CHANGED = {
    "ja": "ご覧になった後に{what}の内容が変わったため、申請をお返しします。もう一度お選びください。",
    "en": "We return the application: {what} changed after you saw it.  Please choose again.",
}
NOT_FOUND = {
    "ja": "この役所の記録で確かめられない方が含まれているため、申請をお返しします：{what}。",
    "en": "We return the application: somebody is not found in our records ({what}).",
}
FOUND_TWICE = {
    "ja": "同じ氏名と生年月日の方が複数登録されているため、申請をお返しします：{what}。窓口へお越しください。",
    "en": "We return the application: two people are recorded as {what}.  Please come to the office.",
}
TOLD_ALREADY = {
    "ja": "すでに届け出られている方が含まれているため、申請をお返しします：{what}。先の届出の取消しが必要です。",
    "en": "We return the application: {what} has been notified before.  Please withdraw that notice first.",
}
BEING_READ = {
    "ja": "他の機関の確認を待っています。",
    "en": "We wait for another office to answer.",
}
WITH_A_CLERK = {
    "ja": "担当者が審査しています。",
    "en": "A clerk is looking at the application.",
}


@dataclass(frozen=True, slots=True)
class Decision:
    event: Event
    message: Text


class Returned(Exception):  # noqa: N818  named by what happens
    """The application goes back to the citizen, with the reason."""

    def __init__(self, text: Text, what: str | Text = "") -> None:
        super().__init__(text["en"])
        self.message = worded(text, what)


def worded(text: Text, what: str | Text) -> Text:
    """Put what it is about into a text, in each language."""
    named = dict.fromkeys(text, what) if isinstance(what, str) else what
    return {language: words.format(what=named[language]) for language, words in text.items()}


def named(items: Sequence[str], names: Mapping[str, Text]) -> Text:
    """The items' names in each language, joined."""
    return {
        "ja": "、".join(names[item]["ja"] for item in items),
        "en": ", ".join(names[item]["en"] for item in items),
    }


def changed(application: Application, statements: Sequence[Statement]) -> list[str]:
    """The items whose statement is not the one that the citizen saw."""
    return [
        now.item
        for now in statements
        if (seen := application.reference(now.item, now.provider)) and seen.digest != now.digest
    ]


def decide(
    acceptance: Acceptance,
    statements: Sequence[Statement],
    *,
    of_others: Readings,
    answers: Values,
    differing: Sequence[str],
    names: Mapping[str, Text],
    on: date,
) -> Decision:
    """Grant, refuse, or give to a clerk; what was read of others is never in what is said."""
    own: dict[str, Values] = {each.item: each.values for each in statements}
    read = {**own, **of_others, ANSWERS: answers}
    if acceptance.waits_for_clerk:
        decision = Decision("waiting", WITH_A_CLERK)
    elif all(rule.met(read, on=on) for rule in acceptance.grants_when):
        decision = Decision("granted", acceptance.granted)
    else:
        decision = Decision("refused", acceptance.refused)
    if not differing:
        return decision
    note = worded(CHANGED, named(differing, names))
    return Decision(
        decision.event,
        {"ja": decision.message["ja"] + note["ja"], "en": f"{decision.message['en']} {note['en']}"},
    )
