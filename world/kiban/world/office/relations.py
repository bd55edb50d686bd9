"""
Relations (続柄): what each member of a household is to its head, in the register's own words.

A household has one head (世帯主), and everybody else is stated as what they are to them.  Where another becomes the
head, the register says for most what they are to that one: a spouse's children are their children, and brothers and
sisters follow from sex and age.  For whom it does not say, somebody has to be asked.

A child of the earlier head is taken as a child of the spouse, too: nothing here knows whose child from before it is.

Source: 住民基本台帳法 第7条第4号; 住民基本台帳事務処理要領 第2-1-(2) (続柄の記載).
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from kiban.shared.problems import Problem

Said = Mapping[str, JsonValue]
"""What is known of one member: `relation`, `birth_date`, and `sex` as the register writes it."""
HEAD = "世帯主"
DISTANT = "縁故者"
"""A relative of whom the register cannot say what exactly they are to the head."""
MALE, FEMALE = "男", "女"
TERMS = (
    *("夫", "妻", "夫（未届）", "妻（未届）", "子", "父", "母", "兄", "弟", "姉", "妹"),
    *("祖父", "祖母", "孫", "夫の子", "妻の子", "夫の父", "夫の母", "妻の父", "妻の母"),
    *("子の夫", "子の妻", "おじ", "おば", "おい", "めい", DISTANT, "同居人"),
)
"""What somebody who is not the head can be."""


class RelationNeeded(Problem):
    slug, title, status = "relation-needed", "Say what everybody is to the household's head", 422


def default_head(members: Sequence[Said]) -> int:
    """Who was head before stays so, else the eldest is, whom the clerk can ask; ISO 8601 sorts as it reads."""
    for place, each in enumerate(members):
        if each.get("relation") == HEAD:
            return place
    return min(range(len(members)), key=lambda place: str(members[place].get("birth_date")))


def restated(member: Said, head: Said) -> str | None:
    """What a member is to another head, both being stated to an earlier one; None where nobody can tell."""
    relation = str(member.get("relation") or "")
    match str(head.get("relation") or ""), relation:
        case "世帯主", known:
            return known if known and known != HEAD else None
        case ("妻" | "夫") as spouse, ("子" | "妻の子" | "夫の子") as child:
            return "子" if child in {"子", f"{spouse}の子"} else child
        case (("妻" | "夫"), "世帯主"):
            return _by_sex(member, "夫", "妻")
        case "子", "世帯主":
            return _by_sex(member, "父", "母")
        case "子", "子":
            older = str(member.get("birth_date")) < str(head.get("birth_date"))
            return _by_sex(member, *(("兄", "姉") if older else ("弟", "妹")))
    return None


def _by_sex(member: Said, male: str, female: str) -> str | None:
    return {MALE: male, FEMALE: female}.get(str(member.get("sex")))


def with_a_head(members: Sequence[JsonValue]) -> list[JsonValue]:
    """A household whose head has left: the eldest is its head, and the others are what they are to them."""
    known = [each for each in members if isinstance(each, dict) and "relation" in each]
    if not known or any(each.get("relation") == HEAD for each in known):
        return list(members)
    head = known[min(range(len(known)), key=lambda place: str(known[place].get("birth_date")))]
    return [
        {**each, "relation": HEAD if each is head else restated(each, head) or DISTANT}
        for each in known
    ]
