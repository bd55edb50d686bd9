"""
The prefilled form, as a citizen waits for it: from the card's page to the form that shows what the offices hold.

In between the portal learns what was approved, passes the consents on to three offices, asks them through the mesh, and
shows the page.  Measured twice: what the citizen waits (the card and login are in it), and the portal's own part, which
its spans tell.  The country runs in one process, on SQLite, as `kiban up` has it.
"""

import time
from pathlib import Path

from kiban.deploy.embedded import free_port_base
from kiban.shared.http import AiohttpHttp, get_json
from kiban.world import cast
from kiban.world.cast import shipped_country
from kiban.world.citizen import Citizen
from tests.bench.measure import Row, Section, percentile
from tests.bench.plan import Plan
from tests.bench.startup import waking
from tests.stories.sockets import RunningCountry

AIM_MS = 800
HELD = ("見本 芽衣", "3,460,000円", "9990512")
"""What the offices hold: her household, her income, her account."""
PARTS = ("GET /callback", "GET /applications/{name}/answers")


async def run(plan: Plan, place: Path) -> Section:
    section = Section(f"the prefilled form, one citizen at a time (aim {AIM_MS} ms at p95)")
    waited, worked = [], []
    with waking(place / "form", free_port_base()) as awake:
        http = AiohttpHttp(awake.country.routes, timeout=30)
        try:
            for _ in range(plan.pick(40, 8)):
                seen = await _spans(http, awake.country, 0)
                waited.append(await _fills_itself(http, awake.country))
                worked.append(
                    await _portals_part(
                        http, awake.country, after=seen[-1]["number"] if seen else 0
                    )
                )
        finally:
            await http.close()
    section.rows = [_row("what the citizen waits", waited), _row("the portal's own part", worked)]
    return section


async def _fills_itself(http: AiohttpHttp, country: RunningCountry) -> float:
    """Seconds from holding up the card to the form with everything in it."""
    people = cast.load_checked(shipped_country()).people
    hanako = Citizen(people["hanako"], http, country.origin("portal"))
    await hanako.logs_in()
    await hanako.opens("child-allowance")
    await hanako.browser.submit("agree")
    began = time.perf_counter()
    await hanako.holds_up_card()
    taken = time.perf_counter() - began
    shown = " ".join(text for entry in hanako.held() for text in entry.values())
    assert all(each in shown for each in HELD), shown
    await hanako.browser.submit("discard")
    return taken


async def _portals_part(http: AiohttpHttp, country: RunningCountry, *, after: int) -> float:
    """Seconds that the portal itself worked, or waited for the offices, on the last form."""
    spans = await _spans(http, country, after)
    last = {name: next(one for one in reversed(spans) if one["name"] == name) for name in PARTS}
    return sum(one["duration_ms"] for one in last.values()) / 1000


async def _spans(http: AiohttpHttp, country: RunningCountry, after: int) -> list[dict]:
    headers = {"authorization": f"Bearer {country.ready['operator_key']}"}
    found: list[dict] = []
    while True:
        url = f"{country.origin('portal')}/spans?after={after}"
        read = await get_json(http, url, headers=headers)
        if not read["spans"]:
            return found
        found += read["spans"]
        after = read["next"]


def _row(what: str, seconds: list[float]) -> Row:
    return Row(
        what,
        rate=1000 * percentile(seconds, 95),
        unit=" ms p95",
        p50_ms=1000 * percentile(seconds, 50),
        p99_ms=1000 * percentile(seconds, 99),
    )
