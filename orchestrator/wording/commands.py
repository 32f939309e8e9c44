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


def with_settings(typed: str, settings: Sequence[str]) -> str:
    """Return a typed `compound run` with settings, in place of earlier ones of the same keys.

    Another command, or one of a plan, takes no settings: then the spec is left to be named.
    """
    words = shlex.split(typed) if "--plan" not in typed else []
    if words[:2] != ["compound", "run"]:
        return command("run", ("SPEC",), settings)
    keys = {setting.partition("=")[0] for setting in settings}
    for position in range(len(words) - 2, 1, -1):
        if words[position] == "--set" and words[position + 1].partition("=")[0].strip() in keys:
            del words[position : position + 2]
    added = [word for setting in settings for word in ("--set", setting)]
    return " ".join(map(_quoted, [*words, *added]))


def resuming(resume: str, study: str = "") -> str:
    """Return what goes on with a study: the command that was typed, or one of its spec.

    `study`: what a command was given, a name or the path of a spec. Older stores keep no command.
    """
    if resume:
        return resume
    if study.endswith((".yaml", ".yml")):
        return command("run", (study,))
    return command("run", ("SPEC",))


def commented(typed: str, comment: str = "") -> str:
    """Return a command with what it does, and with what SPEC is where that is not known here."""
    named = "SPEC: the spec that started the study" if " SPEC" in typed else ""
    text = "; ".join(filter(None, (comment, named)))
    return f"{typed}    # {text}" if text else typed


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
