"""
Another country, written as files: three municipalities, other agencies under other names, another law.

Nothing in it is called as in the country that ships, but the items that the resident register is made of.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiban.world.cast import shipped_country

WINDOW, LEDGER, REVENUE, PURSES, ARMY = "window", "ledger", "revenue", "purses", "army"
AFFAIR = "rent-support"


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality, and the one person whom the story is about there."""

    id: str
    code: str
    postal_code: str
    town: str
    address: str
    person: str
    yearly_earnings: int

    @property
    def procedure(self) -> str:
        return f"{AFFAIR}-{self.id}"


TOWNS = [
    Town(
        "sapporo", "011011", "0640804", "南四条西", "北海道札幌市中央区南四条西", "yuki", 2_400_000
    ),
    Town("chiyoda", "131016", "1000014", "永田町", "東京都千代田区永田町", "kaede", 1_900_000),
    Town("naha", "472018", "9000001", "港町", "沖縄県那覇市港町", "umi", 7_800_000),
]
MOST = 3_000_000
"""Who earns more gets no support."""


def write(place: Path) -> Path:
    """Write the country's directory."""
    for name, text in _files():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for item in ("four-attributes", "household", "resident-record", "exchange-records"):
        shutil.copy(shipped_country() / "layouts" / f"{item}.toml", place / "layouts")
    return place


def _files() -> Iterator[tuple[str, str]]:
    yield (
        "country.toml",
        f"""
id = "mizuho"
name = {{ ja = "みずほ国（模擬）", en = "Mizuho (SIMULATED)" }}
portal = "{WINDOW}"
resident_network = "{LEDGER}"
registrars = ["{LEDGER}"]
excluded_domains = ["defence"]
""",
    )
    yield "legal-entities.toml", ""
    yield from _agencies()
    yield from _layouts()
    yield "law/rent-support.toml", _law()
    yield "law/own-information.toml", _own_information()
    for town in TOWNS:
        yield f"procedures/{town.procedure}.toml", _procedure(town)
        yield f"people/{town.person}.toml", _household(town)


def _name(ja: str, en: str) -> str:
    return f'name = {{ ja = "{ja}（模擬）", en = "{en} (SIMULATED)" }}'


def _agencies() -> Iterator[tuple[str, str]]:
    for id_, name, more in (
        (WINDOW, _name("国民の窓", "Citizens' window"), 'domain = "portal"'),
        (
            LEDGER,
            _name("住民台帳網", "Ledger of residents"),
            'domain = "resident-register"\nvault = true',
        ),
        (REVENUE, _name("歳入庁", "Revenue agency"), 'domain = "tax"'),
        (PURSES, _name("受取口座庁", "Register of purses"), 'domain = "finance"'),
        (ARMY, _name("防衛庁", "Army"), 'domain = "defence"'),
    ):
        held = {LEDGER: "four-attributes", REVENUE: "earnings", PURSES: "purse"}.get(id_)
        holds = f'\n[[holds]]\nitem = "{held}"\n' if held else ""
        yield f"agencies/{id_}.toml", f'id = "{id_}"\n{name}\n{more}\n{holds}'
    for town in TOWNS:
        yield (
            f"agencies/{town.id}.toml",
            f"""
id = "{town.id}"
{_name(town.address[:3] + "の役所", town.id.title())}
domain = "municipality"
municipality = "{town.code}"

[[holds]]
item = "household"

[[holds]]
item = "resident-record"

[[accepts]]
procedure = "{town.procedure}"
reads = [
    {{ item = "earnings", provider = "{REVENUE}", affair = "{AFFAIR}" }},
    {{ item = "purse", provider = "{PURSES}", affair = "{AFFAIR}", by_consent = true }},
]
grants_when = [{{ rule = "is-at-most", item = "earnings", field = "yen", value = {MOST} }}]
granted = {{ ja = "家賃補助を決定しました。", en = "Rent support has been granted." }}
refused = {{ ja = "要件を満たしていません。", en = "The conditions are not met." }}
""",
        )


def _layouts() -> Iterator[tuple[str, str]]:
    for item, ja, field, kind in (
        ("earnings", "年間の収入", "yen", "integer"),
        ("purse", "受取口座", "account", "text"),
    ):
        yield (
            f"layouts/{item}.toml",
            f"""
item = "{item}"
edition = 1
name = {{ ja = "{ja}", en = "{item.title()}" }}
from = 2020-04-01

[[field]]
name = "{field}"
type = "{kind}"
label = {{ ja = "{ja}", en = "{item.title()}" }}
""",
        )


def _row(id_: str, kind: str, parties: tuple[str, str, str], affair: str, basis: str) -> str:
    inquirer, provider, item = parties
    return f"""
[[row]]
id = "{id_}"
edition = 1
kind = "{kind}"
inquirer = "{inquirer}"
affair = "{affair}"
provider = "{provider}"
item = "{item}"
basis = "{basis}"
provision = {{ ja = "模擬家賃補助法 {id_}", en = "Simulated Rent Support Act, {id_}" }}
from = 2020-04-01
"""


def _affair(id_: str, ja: str) -> str:
    return f'[[affair]]\nid = "{id_}"\nname = {{ ja = "{ja}", en = "{id_.title()}" }}\n'


def _law() -> str:
    text = _affair(AFFAIR, "家賃補助に関する事務")
    for town in TOWNS:
        here = f"{AFFAIR}.{town.id}"
        text += _row(f"{here}.1", "inquiry", (town.id, REVENUE, "earnings"), AFFAIR, "law")
        text += _row(f"{here}.2", "inquiry", (town.id, PURSES, "purse"), AFFAIR, "consent")
        text += _row(f"{here}.3", "submission", (WINDOW, town.id, town.procedure), AFFAIR, "person")
    return text


def _own_information() -> str:
    text = _affair("self-information", "自己情報の表示")
    held = [(REVENUE, "earnings"), (PURSES, "purse")]
    held += [(town.id, item) for town in TOWNS for item in ("household", "resident-record")]
    held += [(agency, "exchange-records") for agency in (REVENUE, PURSES)]
    for provider, item in held:
        row = f"self-information.{provider}.{item}"
        text += _row(row, "inquiry", (WINDOW, provider, item), "self-information", "consent")
    return text


def _procedure(town: Town) -> str:
    return f"""
id = "{town.procedure}"
name = {{ ja = "家賃補助の申請", en = "Application for rent support" }}
summary = {{ ja = "家賃の一部を補助します。", en = "A part of the rent." }}
office = "{town.id}"
affair = "{AFFAIR}"
purpose = {{ ja = "家賃補助の決定のため", en = "To decide on rent support" }}

[[field]]
name = "earnings"
held = {{ item = "earnings", provider = "{REVENUE}" }}

[[field]]
name = "purse"
held = {{ item = "purse", provider = "{PURSES}" }}
consent = true

[[field]]
name = "confirm"
label = {{ ja = "賃貸住宅に住んでいます", en = "I rent my home" }}
type = "yes"
required = true
"""


def _household(town: Town) -> str:
    return f"""
since = 2019-04-01

[address]
municipality = "{town.code}"
postal_code = "{town.postal_code}"
town = "{town.town}"
rest = "99番99号"
text = "{town.address}99番99号"

[[person]]
id = "{town.person}"
name = "例　{town.person}"
name_kana = "レイ　{town.person.upper()}"
birth_date = 1992-07-0{len(town.person)}
sex = "female"
relation = "世帯主"
about = {{ ja = "家賃補助を申請します。", en = "She applies for rent support." }}

[person.card]
authentication_pin = "4321"
signature_pin = "MIZUHO99"
expires = 2034-07-01

[[person.record]]
agency = "{REVENUE}"
item = "earnings"
as_of = 2025-06-10
values = {{ yen = {town.yearly_earnings} }}

[[person.record]]
agency = "{PURSES}"
item = "purse"
as_of = 2023-02-01
values = {{ account = "{town.id}-0099" }}
"""
