"""Power: a database in a process that dies before, or after, one of its commits."""


class PowerCut(BaseException):
    """The process is gone: nothing of ours catches it."""


class Dying:
    """A database in a process that dies before, or after, its next-but-`left` commit."""

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
