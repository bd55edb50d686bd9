"""
Mistakes: errors of our own, written down without the values they touched.

What an exception says often quotes what it choked on, and that can be anybody's name or number.  So the log holds
the kind of error and the way it came, line by line; its words appear at level DEBUG alone, on a developer's desk.
"""

import logging
from traceback import extract_tb


def log(logger: logging.Logger, where: str, error: BaseException) -> None:
    """Write one mistake down: what was being done, the kind of error, and the way it came."""
    logger.error("%s broke: %s", where, " <- ".join(_chain(error)))
    logger.debug("%s broke", where, exc_info=error)


def _chain(error: BaseException | None) -> list[str]:
    told: list[str] = []
    while error is not None:
        way = (f"{at.filename}:{at.lineno} {at.name}" for at in extract_tb(error.__traceback__))
        told.append(f"{type(error).__qualname__} [{'; '.join(way)}]")
        error = error.__cause__ or error.__context__
    return told
