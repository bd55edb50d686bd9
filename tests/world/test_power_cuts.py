"""Power cuts: whenever an office's process dies, nothing that it took in is lost, and nothing happens twice."""

import asyncio
from datetime import timedelta

import pytest

from tests.world.office_table import application, set_table, that_grants_an_allowance


class PowerCut(BaseException):
    """The process is gone: nothing of ours catches it."""


class Dying:
    """The office's database in a process that dies before, or after, its next-but-`left` commit."""

    def __init__(self, db, *, committed: bool):
        self._db, self.left, self.committed = db, -1, committed

    def __getattr__(self, name):
        return getattr(self._db, name)

    def begin(self):
        return _Transaction(self, self._db.begin())


class _Transaction:
    def __init__(self, dying, transaction):
        self.dying, self.transaction = dying, transaction

    async def __aenter__(self):
        self.dying.left -= 1
        return await self.transaction.__aenter__()

    async def __aexit__(self, *error):
        dies = self.dying.left == 0 and error[0] is None
        if dies and not self.dying.committed:
            await self.transaction.__aexit__(PowerCut, PowerCut(), None)
            raise PowerCut
        result = await self.transaction.__aexit__(*error)
        if dies:
            raise PowerCut
        return result


async def until_it_dies(table, accepted):
    """Do the work of one process; whether it came to the end."""
    try:
        await table.office.desk.accept(accepted)
        await table.examine()
    except PowerCut:
        return False
    except BaseExceptionGroup:
        return False
    return True


@pytest.mark.parametrize("committed", [False, True])
async def test_a_power_cut_at_any_moment_loses_nothing_and_does_nothing_twice(db, clock, committed):
    played = that_grants_an_allowance()
    table = await set_table(db, clock, played=played)
    told, announced = [], []
    for step in range(1, 60):
        another = {"from_month": f"20{step:02}-05", "confirm": True}  # so that the record changes
        accepted = application(table, number=step, answers=another)
        mortal = Dying(db, committed=committed)
        dying = await set_table(mortal, clock, played=played)
        dying.mesh.told, dying.mesh.announced, mortal.left = told, announced, step
        ended = await until_it_dies(dying, accepted)

        # The portal was not told that it arrived, so it sends it again; the claim runs out.
        table = await set_table(db, clock, played=played)
        table.mesh.told, table.mesh.announced = told, announced
        await table.office.desk.accept(accepted)
        clock.advance(timedelta(minutes=2))
        await table.examine()

        of_this = [receipt for receipt in told if receipt.application == f"{step:032x}"]
        assert of_this, f"lost when it died at its transaction {step}"
        assert all(receipt == of_this[0] for receipt in of_this), f"decided anew after {step}"
        if ended:
            break
    else:
        pytest.fail("the work never came to an end")
    granted = await table.office.applications("granted")
    assert len(granted) == step
    assert len({each.id for each in announced}) == len(announced) == step


async def test_two_copies_of_an_office_decide_once(db, clock):
    one, other = await set_table(db, clock), await set_table(db, clock)
    await one.office.desk.accept(application(one))

    await asyncio.gather(one.examine(), other.examine())

    assert one.events + other.events == ["granted"]
