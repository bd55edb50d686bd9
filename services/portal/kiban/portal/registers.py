"""
Registers: companies and towns of the base registries, as a form offers them.

A citizen types a postal code or a part of a name and chooses; the application then holds the registry's id and the
sequence at which it was read, never the typed words.
"""

import re
import unicodedata
from dataclasses import dataclass

from kiban.portal.answers import Choice
from kiban.registry.client import RegistryClient
from kiban.registry.contract import LegalEntity, Town

OFFERED = 20
"""Choices that one search offers; who finds more is asked to say it more exactly."""


@dataclass(frozen=True, slots=True)
class RegistryRegisters:
    """The registry behind the forms."""

    registry: RegistryClient

    async def companies(self, text: str) -> list[Choice]:
        """Search by a part of the name, or by the number itself."""
        number = _digits(text)
        if len(number) == 13:  # noqa: PLR2004  a 法人番号
            return [await self.company(number)]
        found = await self.registry.find_legal_entities(name=text, limit=OFFERED)
        return [_company(entity) for entity in found.legal_entities]

    async def company(self, number: str) -> Choice:
        return _company(await self.registry.read_legal_entity(number))

    async def towns(self, text: str) -> list[Choice]:
        """Search by postal code, or by a part of the address."""
        code = _digits(text)
        if len(code) == 7:  # noqa: PLR2004  a postal code
            found = await self.registry.find_towns(postal_code=code, limit=OFFERED)
        else:
            found = await self.registry.find_towns(name=text, limit=OFFERED)
        return [_town(town) for town in found.towns]

    async def town(self, name: str) -> Choice:
        return _town(await self.registry.read_town(name))


def _company(entity: LegalEntity) -> Choice:
    label = f"{entity.name}（{entity.address.text}、法人番号 {entity.number}）"
    return Choice(entity.number, label, entity.sequence)


def _town(town: Town) -> Choice:
    codes = [code.code for code in town.postal_codes][:1]
    label = town.address + "".join(f"（〒{code[:3]}-{code[3:]}）" for code in codes)
    return Choice(town.id, label, town.sequence)


def _digits(text: str) -> str:
    """The digits of a number written with hyphens, blanks or in full width; nothing if it is none."""
    plain = re.sub(r"[-‐-―ー−〒\s]", "", unicodedata.normalize("NFKC", text))
    return plain if plain.isdecimal() and plain.isascii() else ""
