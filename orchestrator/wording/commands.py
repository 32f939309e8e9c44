"""The commands that people are told to type: whole, quoted for the shell, nothing twice."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from compound.schemas.store_uri import masked

Value = str | Path | float | bool | None
"""What an option is set to: True for a flag, None or False where it is left out."""


def command(
    name: str, targets: tuple[str | Path, ...] = (), sets: Sequence[str] = (), /, **options: Value
) -> str:
    """Return `compound NAME TARGETS... --set KEY=VALUE... --OPTION VALUE...`.

    Of several settings of one key the last is printed. An option has Python's spelling:
    `retry_failed` is `--retry-failed`. The secret of an address is masked.
    """
    words = ["compound", name, *map(_target, targets)]
    for setting in last_settings(sets):
        words += ["--set", setting]
    for option, value in options.items():
        words += _option(option, value)
    return " ".join(_quoted(masked(word)) for word in words)


def last_settings(sets: Iterable[str]) -> Iterator[str]:
    """Yield settings, each as `key=value`; of those with the same key only the last."""
    newest: dict[str, str] = {}
    for setting in sets:
        key = setting.partition("=")[0].strip()
        newest.pop(key, None)
        newest[key] = setting
    yield from newest.values()


def _target(target: str | Path) -> str:
    """Return a target that no parser takes for an option."""
    text = str(target)
    return f"./{text}" if text.startswith("-") else text


def _option(name: str, value: Value) -> list[str]:
    if value is None or value is False:
        return []
    return [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]


def _quoted(word: str) -> str:
    """Quote a word where the shell needs it; `~/` at its start stays for the shell to replace."""
    if word.startswith("~/"):
        return f"~/{shlex.quote(word[2:])}"
    return shlex.quote(word)
