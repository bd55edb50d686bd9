"""
The parties of the mesh, without stores and wires: for trying its rules alone.

A core that permits and logs into a list, an authority that issues tokens, members that blind and open.  The rules are
the real ones; what is left out is HTTP and databases.
"""

import secrets
from datetime import date

from kiban.gateway import blinding
from kiban.mesh.contract import Record
from kiban.mesh.keys import ConversionKeys
from kiban.mesh.law import LegalTable, Row
from kiban.mesh.permits import Permits
from kiban.shared import points, pseudonyms, tokens
from kiban.shared.exchanges import (
    LINE_SEED,
    POINTS,
    SEED,
    TOKEN,
    Blinded,
    Claims,
    TokenPayload,
    new_id,
    new_seed,
)
from kiban.shared.identifiers import Pseudonym
from tests.organisation import NOW, Organisation

MEMBERS = ("authority", "core", "portal", "tax", "pension", "bank")
PEOPLE = ("hana", "taro", "mei")
UNTIL = int(NOW.timestamp()) + 60


def row(kind, inquirer, provider, item, basis="law"):
    return Row(f"{inquirer}.{provider}.{item}", 1, kind, inquirer, "work", provider, item, basis,
               {"ja": "", "en": ""}, date(2020, 1, 1))  # fmt: skip


LAW = [
    row("inquiry", "tax", "pension", "income"),
    row("inquiry", "bank", "tax", "income", "consent"),
    row("inquiry", "portal", "tax", "income", "consent"),
]


class Parties:
    def __init__(self, mode="blind"):
        organisation = Organisation()
        self.member = {name: organisation.member(name) for name in MEMBERS}
        self.mode = pseudonyms.MODES[mode]
        self.keys, self.log = ConversionKeys(), {}
        for name in MEMBERS:
            self.keys.put(name, 0, points.draw())
        self.person = {name: points.person_point(secrets.token_bytes(32)) for name in PEOPLE}
        self.core = Permits(
            identity=self.member["core"],
            portal="portal",
            authority="authority",
            change_office=None,
            law=LegalTable(LAW, dict.fromkeys(MEMBERS, "any")),
            layouts=lambda *_: 1,
            mode=self.mode,
            keys=self.keys,
            member=self._member,
            append=self._append,
        )
        self.code = {
            agency: {
                name: Pseudonym(self.mode.convert(point, source=None, target=self.keys.scalar(agency, 0)))
                for name, point in self.person.items()
            }
            for agency in MEMBERS
        }  # fmt: skip

    async def _member(self, name):
        return self.member[name].member

    async def _append(self, record: Record):
        new = record.claims.id not in self.log
        self.log.setdefault(record.claims.id, record)
        return new

    def ends(self, provider):
        return blinding.Ends(*(self.member[one].member for one in ("core", provider, "portal")))

    def claims(self, inquirer="tax", provider="pension", **differs):
        facts = {"id": new_id(), "kind": "inquiry", "inquirer": inquirer, "provider": provider,
                 "affair": "work", "item": "income", "people": 1, "until": UNTIL}  # fmt: skip
        return Claims(**facts | differs)

    def blinded(self, claims=None, people=("hana",), seed=None, note=blinding.NO_NOTE):
        claims = claims or self.claims(people=len(people))
        codes = [self.code[claims.inquirer][name] for name in people]
        me = self.member[claims.inquirer]
        return blinding.blind(me, self.ends(claims.provider), self.mode, claims, codes,
                              seed=seed or new_seed(), note=note)  # fmt: skip

    async def permit(self, blinded: Blinded | None = None, caller=None, at=NOW):
        blinded = blinded or self.blinded()
        caller = self.member[caller or blinded.claims.inquirer].member
        token = await self.core.issue(caller, blinded, request="0" * 64, at=at)
        return blinding.read_permit(token, self.member["core"].member)

    def token(self, person="hana", bearer="tax", kind="acquire", terms=None):
        claims = Claims(id=new_id(), kind=kind, inquirer=bearer, until=UNTIL, terms=terms)
        authority, seed, context = self.member["authority"], new_seed(), claims.context
        point = self.mode.blind(self.person[person], seed, context)
        sealed = {
            "points": authority.seal(
                point, to=self.member["core"].member, label=POINTS, context=context
            ),
            "seed": authority.seal(
                seed, to=self.member[bearer].member, label=SEED, context=context
            ),
            "line_seed": authority.seal(
                seed, to=self.member["portal"].member, label=LINE_SEED, context=context
            ),
        }
        payload = TokenPayload(
            claims=claims, commitment=points.commitment(seed, context), sealer="authority", **sealed
        )
        return tokens.sign(
            payload.model_dump(mode="json"), key=authority.signing_key, kid="authority", typ=TOKEN
        )

    async def redeem(self, token, caller="tax", party="tax"):
        found = await self.core.redeem(
            self.member[caller].member, token, party, request="0" * 64, at=NOW
        )
        return blinding.read_permit(found, self.member["core"].member)

    def open(self, permit, at="pension", **differs):
        sealer = differs.pop("sealer", permit.record.sealer)
        return blinding.open_permit(
            self.member[at], self.mode, permit, core=self.member["core"].member,
            sealer=self.member[sealer].member, epoch=differs.pop("epoch", 0), **differs)  # fmt: skip
