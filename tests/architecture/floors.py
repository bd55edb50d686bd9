"""
The floor plan as data: where the rooms are, and who may import whom.

Source: DESIGN 2.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("services/*/kiban"), *ROOT.glob("*/kiban")])

ROOMS = {
    "authority": "kiban.identity.authority",
    "login": "kiban.identity.login",
    "mesh": "kiban.mesh",
    "gateway": "kiban.gateway",
    "changes": "kiban.changes",
    "registry": "kiban.registry",
    "portal": "kiban.portal",
    "shared": "kiban.shared",
    "world": "kiban.world",
    "deploy": "kiban.deploy",
}
OFFICES = {"authority", "login", "mesh", "gateway", "changes", "registry", "portal"}
FLOORS = {
    "shared": set[str](),
    "authority": {"shared"},
    "registry": {"shared"},
    "login": {"authority", "shared"},
    "mesh": {"authority", "shared"},
    "gateway": {"mesh", "authority", "shared"},
    "changes": {"gateway", "shared"},
    "portal": {"gateway", "login", "registry", "shared"},
    "world": OFFICES | {"shared"},
}
DOORS = {"contract", "client"}
EDGES = {
    "client",
    "store",
    "log_store",
    "change_store",
    "mandate_store",
    "settings",
    "app",
    "pages",
    "migrations",
}
HANDED_THROUGH = {"sqlalchemy.ext.asyncio", "sqlalchemy.ext.asyncio.AsyncConnection"}
"""A rule may hand a transaction on to its store; it may not speak SQL."""
WORLDLY = {"fastapi", "starlette", "httpx", "aiohttp", "sqlalchemy", "alembic", "os", "time"}


def _modules() -> dict[str, Path]:
    found = {}
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source.parent).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def room_of(name: str) -> str | None:
    """The room in which a module, or a name of one, stands."""
    return next(
        (room for room, place in ROOMS.items() if f"{name}.".startswith(f"{place}.")),
        None,
    )


def below(name: str) -> str:
    """What follows the room: `contract` of `kiban.mesh.contract.Permit`."""
    room = room_of(name)
    inside = name.removeprefix(ROOMS[room]).lstrip(".") if room else name
    return inside.partition(".")[0]


def imported(path: Path) -> set[str]:
    """Every name that a module imports, in full; `from x import y` gives x and x.y."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def imported_modules(path: Path) -> set[str]:
    """The modules of ours among them: the longest name that is a module."""
    return {name for name in imported(path) if name in MODULES}
