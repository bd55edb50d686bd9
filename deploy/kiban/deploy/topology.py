"""
Topology: who is wired to whom.  The only place that knows every role.

One function a role, in order of dependence: its settings, its neighbours, its application.  Read from top to
bottom.  Whatever a role is told here can be overridden by the environment, as KIBAN_ROLE_FIELD.

Source: DESIGN 2, 7; style 5.5.
"""


from fastapi import FastAPI

from kiban.deploy.embedded import Role
from kiban.deploy.house import House


def build(house: House, name: str) -> Role:
    """Build one role of the house, by its name."""
    kind, _, member = name.partition(":")
    app = gateway(house, member) if kind == "gateway" else ROLES[kind](house)
    return Role(name, house.origin(name), app)


ROLES: dict = {}


def gateway(house: House, member: str) -> FastAPI: ...
