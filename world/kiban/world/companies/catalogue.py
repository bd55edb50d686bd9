"""
The companies of this simulated world: one program, a name and a kind each.  SIMULATED.

Nobody here is a member of the mesh: what they know of a person, the person consented to at login.
"""

from collections.abc import Mapping

COMPANIES: Mapping[str, Mapping[str, str]] = {
    "bank": {"ja": "あきつ銀行（模擬）", "en": "Akitsu Bank (SIMULATED)"},
    "electricity": {"ja": "あかり電力（模擬）", "en": "Akari Electricity (SIMULATED)"},
    "water": {"ja": "せせらぎ水道（模擬）", "en": "Seseragi Water (SIMULATED)"},
}
"""By kind, which is its role's and its client's name: its name by language."""
