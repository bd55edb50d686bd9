"""
The practice statement (CPS): what is certified, how and for how long, in words made from the same data.

Every certificate's policy names the address at which this text is served.
"""

from kiban.identity.authority import lifecycle, profile
from kiban.identity.authority.freshness import LEASE

_HEAD = """\
KIBAN SIMULATED CERTIFICATION PRACTICE STATEMENT (模擬)

Nothing here certifies anybody real.  The authorities, their names, their object identifiers and the people whom they
certify are made up; the shape of what they issue follows the public personal authentication service (公的個人認証).

Certificates
"""


_LASTING = f"""
A holder's certificate ends on the {profile.HOLDER_BIRTHDAYS}th birthday after its issue, at the end of the day in
Japan, and never after the card.  There is no signature certificate below the age of {profile.SIGNING_AGE}.

What ends them
"""
_STATUS = f"""
Status

OCSP tells at once; an answer names no next update, and no copy of the authority answers from memory longer than
{LEASE:g} s without looking.  A list of revocations is made when something has ended, and each day.
"""


def statement() -> str:
    """The whole text."""
    certificates = [_about(each) for each in profile.ISSUES.values()]
    endings = [_ends(event, ending) for event, ending in lifecycle.ENDINGS.items()]
    return "\n".join([_HEAD, *certificates, _LASTING, *endings, _STATUS])


def _about(kind: profile.Profile) -> str:
    usages = ", ".join(sorted(kind.usages))
    real = f" (stands for {profile.REAL[kind.policy]})" if kind.policy in profile.REAL else ""
    return f"- {kind.name}: {kind.key}, policy {kind.policy}{real}, {usages}"


def _ends(event: str, ending: lifecycle.Ending) -> str:
    kinds = (
        "all of the card's"
        if ending.card
        else "the named one, of " + " or ".join(sorted(ending.kinds))
    )
    return f"- {event}: {kinds}; reason {ending.reason.name.lower()}"
