"""
`kiban contracts`: write the OpenAPI document of each role, or say which differ from what is committed.

The documents are made from the applications as topology builds them; nothing is started.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from fastapi import FastAPI

from kiban.deploy import house, topology
from kiban.deploy.commands import options
from kiban.world.cast import shipped_country

DOCUMENTS = {
    "authority": "services/identity/openapi/authority.json",
    "login": "services/identity/openapi/login.json",
    "core": "services/mesh/openapi/core.json",
    "gateway:kamakura": "services/mesh/openapi/gateway.json",
    "registry": "services/registry/openapi/registry.json",
    "portal": "services/portal/openapi/portal.json",
    "gateway:resident-network": "world/openapi/resident-network.json",
    "cards": "world/openapi/cards.json",
    "bank": "world/openapi/company.json",
    "mover": "world/openapi/mover.json",
}


def add(commands: options.Commands) -> None:
    command = commands.add_parser("contracts", help="write the OpenAPI document of each role")
    command.add_argument("--check", action="store_true", help="only name those that differ")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    different = []
    for role, app in asyncio.run(applications()).items():
        if role not in DOCUMENTS:
            continue
        path, document = Path(DOCUMENTS[role]), written(app)
        if arguments.check and (not path.is_file() or path.read_text(encoding="utf-8") != document):
            different.append(path)
        elif not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(document, encoding="utf-8")
    for path in different:
        print(f"{path} is not what its application says; if that is meant, run `kiban contracts`")
    return 1 if different else 0


async def applications() -> dict[str, FastAPI]:
    """Build every role of the shipped country, and start none."""
    with tempfile.TemporaryDirectory() as place:
        furnished = house.furnish(house.settle(Path(place), shipped_country()), environment={})
        apps = {name: topology.build(furnished, name).app for name in furnished.settled.roles}
        await furnished.close()
    return apps


def written(app: FastAPI) -> str:
    return json.dumps(app.openapi(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
