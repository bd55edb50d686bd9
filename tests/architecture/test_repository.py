"""What is committed: nothing of the machine it was written on, no download address, no foreign asset."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.floors import ROOT

TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
).stdout.split("\0")
TEXTS = [
    name
    for name in TRACKED
    if (ROOT / name).is_file() and Path(name).suffix not in {".png", ".bin", ".der", ".gz", ".xz"}
]
FOREIGN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:work|root|home)/\w"),
    "a package host": re.compile(
        r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org"
    ),
    "a conflict mark": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}
LARGEST = 1 << 20


@pytest.mark.parametrize("what", FOREIGN)
def test_no_committed_file_holds(what: str) -> None:
    found = [
        f"{name}: {match.group()}"
        for name in TEXTS
        if (match := FOREIGN[what].search((ROOT / name).read_text(encoding="utf-8")))
    ]

    assert not found


def test_no_committed_file_is_large() -> None:
    assert not [name for name in TEXTS if (ROOT / name).stat().st_size > LARGEST]


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.count("\n") > 200


def test_nothing_of_the_network_is_loaded_by_a_page() -> None:
    pages = [name for name in TEXTS if name.endswith((".html", ".css", ".js"))]
    fetched = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", re.IGNORECASE)

    assert not [name for name in pages if fetched.search((ROOT / name).read_text(encoding="utf-8"))]
