"""What a clerk writes down: how those who arrive will live, and for whoever asks to be protected (支援措置の申出)."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from kiban.gateway.contract import Attributes, Mark
from kiban.world.office.households import Living
from kiban.world.office.shelter import Asked
from kiban.world.writing import Sex


def _day(written: str) -> str:
    if written:
        date.fromisoformat(written)
    return written


Day = Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$"), AfterValidator(_day)]


class ArrivalForm(BaseModel):
    """In which household those of a notice will live; the page has it filled in where an office knows it."""

    csrf: str = Field(max_length=200)
    head: int | None = None
    joins: str = Field(default="", max_length=100)
    relation: list[Annotated[str, Field(pattern=r"^([0-9]{1,18} .{1,20})?$")]] = Field(
        default=[], max_length=100
    )
    """Who is what to the head, as `3 妻`; nothing where nothing was chosen."""

    @property
    def relations(self) -> dict[int, str]:
        said = (one.partition(" ") for one in self.relation if one)
        return {int(number): relation for number, _, relation in said}

    @property
    def living(self) -> Living:
        return Living(self.head, self.joins, self.relations)


class HolderForm(BaseModel):
    """Whose card a PIN is set anew for: somebody of a notice, or a resident by name and day of birth."""

    csrf: str = Field(max_length=200)
    notice: str = Field(default="", max_length=100)
    number: int = 0
    name: str = Field(default="", max_length=100)
    birth_date: Day = ""


class MarksForm(BaseModel):
    """Which of the two flags somebody is to have; none ends the protection."""

    csrf: str = Field(max_length=200)
    person: str = Field(max_length=64)
    marks: list[Mark] = Field(default=[], max_length=2)


class ProtectionForm(BaseModel):
    """Who asks, where the register has them, and where they live now if that is somewhere else."""

    csrf: str = Field(max_length=200)
    name: str = Field(min_length=1, max_length=200)
    name_kana: str = Field(max_length=200)
    birth_date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    sex: Sex
    address: str = Field(min_length=1, max_length=400)
    new_address: str = Field(default="", max_length=400)
    moving_day: Day = ""
    relation: str = Field(default="", max_length=100)
    notice: str = Field(default="", pattern=r"^([0-9a-f]{32})?$")
    marks: list[Mark] = Field(min_length=1, max_length=2)

    @property
    def asked(self) -> Asked:
        return Asked(
            Attributes(
                name=self.name,
                name_kana=self.name_kana,
                birth_date=self.birth_date,
                sex=self.sex,
                address=self.address,
            ),
            tuple(dict.fromkeys(self.marks)),
            self.new_address,
            self.moving_day,
            self.relation,
            self.notice,
        )
