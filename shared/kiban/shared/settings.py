"""
Settings: a frozen dataclass per role, read once from the environment, in deploy.

The field's name in upper case behind a prefix is the variable's name.  `FOO_FILE` names a file that holds FOO, so
that secrets need not stand in an environment.  Everything that is missing or wrong is named at once.

Understood: str, int, float, bool, Path, timedelta (seconds), Secret, tuple[str, ...] (commas), and any of them or None.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")


class SettingsWrong(ValueError):  # noqa: N818  named by what is wrong
    """What the environment lacks or says wrongly, line by line."""


class Secret:
    """Text that hides itself: only `reveal` shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def _truth(text: str) -> bool:
    match text.strip().lower():
        case "true" | "yes" | "on" | "1":
            return True
        case "false" | "no" | "off" | "0":
            return False
        case _:
            raise ValueError("say true or false")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_READERS: dict[object, Callable[[str], object]] = {
    str: str,
    int: int,
    float: float,
    bool: _truth,
    Path: Path,
    timedelta: lambda text: timedelta(seconds=float(text)),
    tuple[str, ...]: _listed,
    Secret: Secret,
}


def _reader(hint: object) -> Callable[[str], object]:
    if get_origin(hint) in {UnionType, Union}:
        hint = next(part for part in get_args(hint) if part is not NoneType)
    return _READERS[hint]


def read(cls: type[Settings], env: Mapping[str, str], prefix: str) -> Settings:
    """Read one dataclass, or name everything that is missing or wrong."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for each in fields(cls):  # type: ignore[arg-type]  # a dataclass; typeshed cannot say so for a TypeVar
        name = prefix + each.name.upper()
        try:
            if (text := _text(env, name)) is not None:
                values[each.name] = _reader(hints[each.name])(text)
            elif each.default is MISSING and each.default_factory is MISSING:
                wrong.append(f"{name} is missing")
        except (ValueError, OverflowError, OSError) as error:
            # The value itself may be a secret: say what was expected, not what stood there.
            wrong.append(f"{name} is wrong: {_expected(hints[each.name], error)}")
    if wrong:
        raise SettingsWrong("; ".join(wrong))
    return cls(**values)


def _text(env: Mapping[str, str], name: str) -> str | None:
    if path := env.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return env.get(name)


def _expected(hint: object, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"its file cannot be read ({type(error).__name__})"
    return f"expected {getattr(hint, '__name__', hint)}"
