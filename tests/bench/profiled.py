"""
`python -m tests.bench.profiled FILE serve ROLE ...`: the command line under the profiler.

SIGUSR1 begins to record, SIGUSR2 ends and writes FILE.  Counted is processor time, not the clock on the wall, so that
waiting and what others do on the machine are left out.
"""

import cProfile
import signal
import sys
import time

from kiban.deploy.__main__ import main


def profiled(file: str, argv: list[str]) -> int:
    profile = cProfile.Profile(time.process_time)

    def begin(*_: object) -> None:
        profile.enable()

    def end(*_: object) -> None:
        profile.disable()
        profile.dump_stats(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    return main(argv)


if __name__ == "__main__":
    sys.exit(profiled(sys.argv[1], sys.argv[2:]))
