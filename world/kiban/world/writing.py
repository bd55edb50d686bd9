"""
Writing: how registers write a name and a sex, and when two writings mean the same.

Width and spacing of a name make no other person; anything else does.
"""

import unicodedata
from typing import Literal

Sex = Literal["male", "female", "not-applicable"]
SEX_IN_THE_REGISTER: dict[Sex, str] = {"male": "男", "female": "女", "not-applicable": "適用不能"}
SEX_BY_REGISTER = {written: sex for sex, written in SEX_IN_THE_REGISTER.items()}


def plain(text: str) -> str:
    """One form of a text, whatever its width and spacing."""
    return "".join(unicodedata.normalize("NFKC", text).split())
