"""The moving site's settings, read once, in deploy."""

from dataclasses import dataclass

from pydantic import Field, TypeAdapter

from kiban.shared.exchanges import Shape
from kiban.shared.settings import Secret


class Company(Shape):
    """Somebody private whom a person may want to follow a move."""

    name: dict[str, str] = Field(description="by language")
    home: str = Field(description="its first page")


_COMPANIES = TypeAdapter(list[Company])


@dataclass(frozen=True, slots=True)
class MoverSettings:
    """What the moving site needs to know."""

    origin: str
    """Public origin, as browsers see it: http://mover.localhost:8000."""
    secret: Secret
    """Wraps what a visit needs, and signs forms."""
    operator_key: Secret
    portal_origin: str
    """Whose public interface it uses."""
    client_id: str
    """The site's name at the portal."""
    client_key: Secret
    """PEM of the P-256 key with which it proves to the portal that it is this front."""
    procedure: str
    """Which of the portal's procedures it does."""
    registry_origin: str
    """Where towns are looked up."""
    core_origin: str
    """Where the directory of members is, by which it verifies who signed a value."""
    authority_origin: str
    """Whose certificates the directory's are believed by."""
    companies: str
    """The companies that it points to: a JSON list of `Company`."""

    def company_list(self) -> list[Company]:
        return _COMPANIES.validate_json(self.companies)
