"""Names that look like a mistyped one."""

import difflib
from collections.abc import Iterable


def closest(given: str, choices: Iterable[str]) -> str:
    """Return `, did you mean 'x'?`, or nothing where no choice is near."""
    found = difflib.get_close_matches(given, list(choices), n=1, cutoff=0.5)
    return f", did you mean '{found[0]}'?" if found else ""
