"""What is to be measured, how thoroughly, and what is profiled meanwhile."""

from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    quick: bool = False
    profiled: frozenset[str] = frozenset()
    """Roles that run under the profiler."""

    def pick(self, whole: Value, quick: Value) -> Value:
        return quick if self.quick else whole
