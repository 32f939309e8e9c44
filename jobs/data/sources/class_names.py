"""Names of classes that are one name to people: other characters of Unicode, or other case."""

import unicodedata
from collections.abc import Iterable, Iterator

from compound.schemas.errors import DataError


def composed(name: str) -> str:
    """Return a name with its accents in its letters (NFC): Linux writes it so, macOS does not."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spelled(name: str) -> str:
    r"""Return a name so that its characters can be told apart: `Cafe\u0301`, and `Caf\xe9`."""
    return f"`{ascii(name)[1:-1]}`"


def check_distinct(names: Iterable[str], where: str, remedy: str) -> None:
    """Raise DataError where two names look the same, and are of other characters."""
    name_by_form: dict[str, str] = {}
    for name in names:
        first = name_by_form.setdefault(composed(name), name)
        if first != name:
            raise DataError(
                f"two classes have one name, in other characters of Unicode: {spelled(first)} and "
                f"{spelled(name)}",
                where=where,
                allowed="one name for each class",
                next_step=remedy,
            )


def matched_note(pairs: Iterable[tuple[str, str]], where: str) -> Iterator[str]:
    """Tell the names that were matched although their characters differ, each with the other."""
    listed = list(pairs)
    if listed:
        name, match = listed[0]
        yield (
            "class names in other characters of Unicode than in train, matched: "
            f"{len(listed):,} of {where}, such as {spelled(name)} for {spelled(match)}"
        )


def case_twins(unknown: Iterable[str], classes: Iterable[str]) -> dict[str, str]:
    """Return, for names that are no class, the class that differs from each in case alone."""
    class_by_form = {composed(name).casefold(): name for name in classes}
    pairs = ((name, class_by_form.get(composed(name).casefold())) for name in unknown)
    return {name: match for name, match in pairs if match is not None}
