"""
Numbers that never leave: My Numbers and resident record codes, made up, from ranges of our own.

Both have the form and the check digit of the real ones.  Every My Number here begins with 9999 and every resident
record code with 999: whoever meets one anywhere outside of the vault knows whose leak it is.

Refused: more people than the ranges have room for.
Sources: 個人番号: 番号法施行令 第8条 and 平成26年総務省令第85号 第5条 (check digit).
住民票コード: 住民基本台帳法施行規則 第1条 (ten digits at random, check digit); the check digit's weights are our own.
"""

from kiban.shared.identifiers import MyNumber, ResidentRecordCode

MY_NUMBER_RANGE, CODE_RANGE = "9999", "999"
ROOM = 10**7
# Both are coprime to 10, so every place has its own number, and neighbours' numbers do not look alike.
_SPREAD_NUMBER, _SPREAD_CODE = 7_654_321, 3_141_593


def check_digit(base: str) -> int:
    """The check digit of a My Number, from the eleven digits before it."""
    weights = [place + 1 if place <= 6 else place - 5 for place in range(1, 12)]  # noqa: PLR2004  第5条
    return _modulo_11(base, weights)


def code_check_digit(base: str) -> int:
    """The check digit of a resident record code, from the ten digits before it."""
    return _modulo_11(base, list(range(2, 12)))


def _modulo_11(base: str, weights: list[int]) -> int:
    """Weights run from the last digit to the first."""
    total = sum(int(digit) * weight for digit, weight in zip(reversed(base), weights, strict=True))
    return 0 if total % 11 <= 1 else 11 - total % 11


def my_number(place: int) -> MyNumber:
    """The My Number of the resident who was entered at this place."""
    base = f"{MY_NUMBER_RANGE}{_spread(place, _SPREAD_NUMBER)}"
    return MyNumber(f"{base}{check_digit(base)}")


def resident_record_code(place: int) -> ResidentRecordCode:
    """The resident record code of the resident who was entered at this place."""
    base = f"{CODE_RANGE}{_spread(place, _SPREAD_CODE)}"
    return ResidentRecordCode(f"{base}{code_check_digit(base)}")


def _spread(place: int, by: int) -> str:
    if not 0 <= place < ROOM:
        raise ValueError(f"there is room for {ROOM} people")
    return f"{place * by % ROOM:07d}"
