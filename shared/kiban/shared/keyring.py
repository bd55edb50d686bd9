"""
The keyring: a role's own secrets at rest, wrapped, in the role's own database.

Signing keys, sealing keys and keys of pseudonyms are made by the role that uses them, at first need, and kept here
under a name.  Each is wrapped with AES-SIV under a key derived from the role's `secret` setting and bound to its
name: whoever reads the database alone learns nothing but names and sizes, and a value moved to another name does
not open.  AES-SIV needs no nonce, so any number of copies of the role may write.

Refused: an empty secret, an empty value; a value that does not open (`KeyringLocked`), which means that the role
was started with another secret, or that somebody changed the table.  That is for the operator and reaches no caller.

Source: RFC 5297 (AES-SIV), RFC 5869 (HKDF); DESIGN 5.1 (pseudonyms at rest are wrapped), 8.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, MetaData, String, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kiban.shared.database import Blob, insert_new
from kiban.shared.settings import Secret


class KeyringLocked(Exception):  # noqa: N818  named by what is wrong
    """A kept value does not open under this role's secret."""


def keyring_table(metadata: MetaData, name: str = "keyring") -> Table:
    """Declare the keyring; a migration makes it by `keyring_table(MetaData()).create(op.get_bind())`."""
    return Table(
        name,
        metadata,
        Column("name", String(100), primary_key=True),
        Column("wrapped", Blob, nullable=False),
    )


class Wrapping:
    """The wrapping alone, for secrets that stand in columns of other tables."""

    def __init__(self, secret: Secret) -> None:
        if not secret.reveal():
            raise ValueError("the secret that wraps keys at rest may not be empty")
        derived = HKDF(hashes.SHA256(), 64, salt=None, info=b"kiban keyring")
        self._cipher = AESSIV(derived.derive(secret.reveal().encode()))

    def __repr__(self) -> str:
        return "Wrapping(…)"

    def wrap(self, name: str, value: bytes) -> bytes:
        """Wrap a value, bound to its name."""
        if not value:
            raise ValueError(f"{name}: an empty value is no secret")
        return self._cipher.encrypt(value, [name.encode()])

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            return self._cipher.decrypt(wrapped, [name.encode()])
        except InvalidTag:
            raise KeyringLocked(f"{name} does not open: another secret wrapped it") from None


class Keyring:
    """One role's kept secrets, by name."""

    def __init__(self, table: Table, secret: Secret) -> None:
        self._table = table
        self._wrapping = Wrapping(secret)

    def __repr__(self) -> str:
        return f"Keyring({self._table.name})"

    async def get(self, connection: AsyncConnection, name: str) -> bytes | None:
        """Give the value of this name, if one is kept."""
        query = select(self._table.c.wrapped).where(self._table.c.name == name)
        wrapped = (await connection.execute(query)).scalar_one_or_none()
        return None if wrapped is None else self._wrapping.unwrap(name, wrapped)

    async def get_or_make(
        self, connection: AsyncConnection, name: str, make: Callable[[], bytes]
    ) -> bytes:
        """
        Give the value of this name; make and keep it where there is none.

        Of several copies that make one at once, the first to commit decides, and all get its value.
        """
        kept = await self.get(connection, name)
        if kept is not None:
            return kept
        value = make()
        row = {"name": name, "wrapped": self._wrapping.wrap(name, value)}
        inserted = await connection.execute(insert_new(self._table).values(row))
        if inserted.rowcount:
            return value
        kept = await self.get(connection, name)
        if kept is None:
            raise LookupError(f"{name} was made and removed by somebody else at this moment")
        return kept

    async def replace(self, connection: AsyncConnection, name: str, value: bytes) -> None:
        """Keep this value under this name, whatever was kept before."""
        wrapped = self._wrapping.wrap(name, value)
        await connection.execute(delete(self._table).where(self._table.c.name == name))
        await connection.execute(insert_new(self._table).values(name=name, wrapped=wrapped))
