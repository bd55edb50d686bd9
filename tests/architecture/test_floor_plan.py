"""The floor plan: imports go through doors and downward, and rules know nothing of the world outside."""

import ast
import graphlib
import subprocess
import sys

import pytest

from kiban.world import cast
from tests.architecture.floors import (
    DOORS,
    EDGES,
    FLOORS,
    HANDED_THROUGH,
    MODULES,
    OFFICES,
    ROOT,
    WORLDLY,
    below,
    imported,
    imported_modules,
    room_of,
)

PLANNED = sorted(name for name in MODULES if room_of(name) in FLOORS)
RULES = sorted(
    name for name in MODULES if room_of(name) in OFFICES and below(name) not in EDGES | {""}
)
AGENCIES = cast.load_checked(cast.shipped_country()).agencies.keys() - {"portal"}
"""A role is called portal too."""
SHIPPED = {"kiban.deploy.story"}
"""What is told of the shipped country alone."""


@pytest.mark.parametrize("module", PLANNED)
def test_imports_stay_on_the_floor_plan(module: str) -> None:
    here = room_of(module)
    for name in imported(MODULES[module]):
        there = room_of(name)
        if not name.startswith("kiban.") or there == here or there is None:
            continue
        assert there in FLOORS[here], f"{here} may not know {there}: {name}"
        if there != "shared" and below(name):
            assert below(name) in DOORS, f"{name} is not a door"


def test_nobody_takes_a_day_from_a_time_but_the_clock() -> None:
    """In UTC it is yesterday until nine in the morning."""
    for module in MODULES.keys() - {"kiban.shared.clock"}:
        tree = ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8")))
        bare = (node.func for node in tree if isinstance(node, ast.Call) and not node.args)
        called = {func.attr for func in bare if isinstance(func, ast.Attribute)}
        assert not called & {"date", "today"}, module


def test_a_private_front_knows_of_the_portal_only_its_door() -> None:
    known = {
        name
        for module, path in MODULES.items()
        if module.startswith("kiban.world.mover")
        for name in imported_modules(path)
    }

    assert {name for name in known if room_of(name) == "portal"} == {
        "kiban.portal.client",
        "kiban.portal.contract",
    }
    assert not {name for name in known if room_of(name) == "login"}
    assert {name for name in known if room_of(name) == "world"} <= {
        name for name in MODULES if name.startswith("kiban.world.mover")
    }


@pytest.mark.parametrize("module", RULES)
def test_rules_know_no_web_no_sql_and_no_environment(module: str) -> None:
    worldly = {name for name in imported(MODULES[module]) if name.partition(".")[0] in WORLDLY}

    assert not worldly - HANDED_THROUGH


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_are_written_in_full(module: str) -> None:
    assert not {name for name in imported(MODULES[module]) if name.startswith(".")}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - SHIPPED))
def test_no_code_names_an_agency(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    assert not said & AGENCIES


def test_no_module_imports_itself_by_a_way_round() -> None:
    graph = {name: imported_modules(path) - {name} for name, path in MODULES.items()}

    list(graphlib.TopologicalSorter(graph).static_order())


def test_every_portion_of_the_namespace_lacks_its_marker() -> None:
    portions = {
        path.parent for path in ROOT.glob("**/kiban/__init__.py") if ".venv" not in path.parts
    }

    assert not portions, "an __init__.py here would hide the other rooms"


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        name
        for name, path in MODULES.items()
        if room_of(name) and "migrations" not in name and not _docstring(path)
    ]

    assert not silent


def _docstring(path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


IMPORT_ALL = """
import importlib, sys

def watch(event, arguments):
    if event in {"sqlite3.connect", "socket.bind", "socket.connect", "subprocess.Popen", "os.system"}:
        raise SystemExit(f"{sys.argv[1]}: {event} at import")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"{sys.argv[1]}: writes {arguments[0]} at import")

sys.addaudithook(watch)
for name in sys.argv[2:]:
    sys.argv[1] = name
    importlib.import_module(name)
"""


def test_importing_does_nothing_but_define() -> None:
    names = [
        name
        for name in MODULES
        if not name.endswith("__main__")
        and ".migrations" not in name
        and not name.startswith("bench")
    ]

    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL, "", *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stderr[-3000:]


WITHOUT_WORLD = """
import importlib, sys

class Border:
    def find_spec(self, name, path=None, target=None):
        if name == "kiban.world" or name.startswith("kiban.world."):
            raise ModuleNotFoundError("the world was deleted")

sys.meta_path.insert(0, Border())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_the_backbone_stands_without_the_world() -> None:
    backbone = [
        name
        for name in MODULES
        if room_of(name) in OFFICES | {"shared"} and ".migrations" not in name
    ]

    done = subprocess.run(
        [sys.executable, "-B", "-c", WITHOUT_WORLD, *backbone],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stderr[-3000:]


def test_only_deploy_reads_the_environment() -> None:
    readers = [
        name
        for name, path in MODULES.items()
        if room_of(name) != "deploy"
        and ("os.environ" in (text := path.read_text()) or "getenv" in text)
    ]

    assert not readers
