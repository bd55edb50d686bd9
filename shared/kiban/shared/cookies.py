"""
Cookies: one host's own, unreadable to scripts, and unsendable by other sites' forms.

Over https the name carries `__Host-`, which a browser honours only with Secure, without a domain and for the whole
host; over plain http on localhost the same cookie has its plain name.

Sources: RFC 6265bis, sections 4.1.3 and 5.6.
"""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie by its plain name, on one public origin."""

    plain_name: str
    origin: str

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def name(self) -> str:
        return f"__Host-{self.plain_name}" if self.secure else self.plain_name

    def read(self, request: Request) -> str | None:
        return request.cookies.get(self.name)

    def put(self, response: Response, value: str, *, lasts: timedelta | None = None) -> None:
        """Set it; without a duration it ends with the browser."""
        response.set_cookie(
            self.name,
            value,
            max_age=int(lasts.total_seconds()) if lasts is not None else None,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def drop(self, response: Response) -> None:
        response.delete_cookie(
            self.name, path="/", secure=self.secure, httponly=True, samesite="lax"
        )
