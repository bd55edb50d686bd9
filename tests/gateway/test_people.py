"""A gateway's people: as many as an inquiry may have are found at once."""

from kiban.gateway.store import People
from kiban.shared import points
from kiban.shared.identifiers import Pseudonym
from kiban.shared.keyring import Wrapping
from kiban.shared.settings import Secret

HANAKO, TARO = (Pseudonym(bytes([number]) * 32) for number in (1, 2))


async def test_the_longest_list_is_looked_up(new_database):
    db, people = await new_database("kiban.gateway"), People(Wrapping(Secret("s")))
    async with db.begin() as connection:
        await people.put(connection, HANAKO, "hanako", epoch=0)
        await people.put(connection, TARO, "taro", epoch=0)
    longest = [*(f"nobody {number}" for number in range(points.MOST_PEOPLE - 1)), "hanako"]

    async with db.look() as connection:
        codes = await people.codes(connection, [longest, ["taro", "hanako"], ["nobody"]])
        persons = await people.persons(connection, [[HANAKO], [TARO, HANAKO]])

    assert codes == [{"hanako": HANAKO}, {"taro": TARO, "hanako": HANAKO}, {}]
    assert persons == [{HANAKO: "hanako"}, {TARO: "taro", HANAKO: "hanako"}]
