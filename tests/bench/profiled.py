"""
`python -m tests.bench.profiled FILE serve ROLE ...`: the command line, looked at a thousand times a second.

SIGUSR1 begins to look, SIGUSR2 ends and writes FILE: each function's share of the processor's time, its own and with
what it called.  A profiler that counts calls would blame deep chains of coroutines, which cost it much and us little.
"""

import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from kiban.deploy.__main__ import main

OFTEN = 0.001
SHOWN = 60


def profiled(file: str, argv: list[str]) -> int:
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        own[_name(frame)] += 1
        stack = set()
        while frame:
            stack.add(_name(frame))
            frame = frame.f_back
        whole.update(stack)

    def begin(*_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, OFTEN, OFTEN)

    def end(*_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        looks = sum(own.values())
        text = f"{looks} looks\n"
        for title, counted in (("own", own), ("with what it called", whole)):
            text += f"\n{title}\n"
            for name, count in counted.most_common(SHOWN):
                text += f"{count / looks:7.1%}  {name}\n"
        Path(file).write_text(text, encoding="utf-8")

    signal.signal(signal.SIGPROF, look)
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    return main(argv)


def _name(frame: FrameType | None) -> str:
    if frame is None:
        return "nothing"
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-3:])}:{code.co_qualname}"


if __name__ == "__main__":
    sys.exit(profiled(sys.argv[1], sys.argv[2:]))
