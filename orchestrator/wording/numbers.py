"""Formats of numbers, the same everywhere."""

import difflib
from collections.abc import Iterable

_MINUTE = 60


def points(difference: float) -> str:
    """Write a difference of accuracies in percent points; small ones with two decimals."""
    value = 100 * difference
    text = f"{value:.2f}" if abs(value) < 0.1 else f"{value:.1f}"
    return text.removeprefix("-") if float(text) == 0 else text


def percent(accuracy: float) -> str:
    """Write an accuracy, a fraction of 1, in percent."""
    return f"{100 * accuracy:.1f} %"


def short(count: float) -> str:
    """Write a count with three digits and a unit: 385,814,752 is 386 M."""
    for scale, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= 0.9995 * scale:
            return f"{count / scale:#.3g}".rstrip(".") + unit
    return f"{count:.0f}"


def megabytes(size: int) -> str:
    """Write a number of bytes."""
    return f"{size / 1e6:,.1f} MB"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: 1 job, 2 jobs."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def size(bytes: float) -> str:
    """Write a size of memory: 512 MiB, 1.5 GiB."""
    return f"{bytes / 2**30:.1f} GiB" if bytes >= 2**30 else f"{bytes / 2**20:.0f} MiB"


def closest(word: str, choices: Iterable[str]) -> str:
    """Return `, did you mean 'x'?`, or "" where no choice is similar."""
    matches = nearest_words(word, choices)
    return f", did you mean '{matches[0]}'?" if matches else ""


def nearest_words(word: str, choices: Iterable[str]) -> list[str]:
    """Return the choice that is most similar to a word, in a list; none where none is."""
    return difflib.get_close_matches(word, list(choices), n=1, cutoff=0.65)


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    minutes = seconds / _MINUTE
    return f"{minutes:.0f} min" if minutes < 2 * _MINUTE else f"{minutes / _MINUTE:.1f} h"


def in_range(low: float, high: float) -> str:
    """Write a range of times in the unit that suits its end: `8 to 12 min`, `about 9 min`."""
    unit, seconds, digits = _unit(high)
    first, last = (f"{value / seconds:.{digits}f}" for value in (low, high))
    if first == last:
        return f"about {last} {unit}" if float(last) else f"under 1 {unit}"
    return f"{first} to {last} {unit}" if float(first) else f"up to {last} {unit}"


def _unit(seconds: float) -> tuple[str, int, int]:
    """Return the unit of a time, its seconds, and the decimals that are written."""
    if seconds < 2 * _MINUTE:
        return "s", 1, 0
    if seconds < 120 * _MINUTE:
        return "min", _MINUTE, 0
    if seconds < 48 * 60 * _MINUTE:
        return "h", 60 * _MINUTE, 1
    return "days", 24 * 60 * _MINUTE, 1
