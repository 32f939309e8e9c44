"""What the parser of the command line refuses, in the form of every other error."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

import typer

from compound.jobs.wording.printable import in_line
from compound.orchestrator.wording.numbers import nearest_words
from compound.schemas.errors import SpecError

_PLAIN = (
    (re.compile(r"Value error, "), ""),
    (re.compile(r"Input should be a valid integer.*"), "it is no whole number"),
    (re.compile(r"Input should be a valid number.*"), "it is no number"),
    (re.compile(r"Input should be "), "it should be "),
    (re.compile(r"^Invalid value for '([^']+)': "), r"\1: "),
    (re.compile(r"^Missing argument '([^']+)'\."), r"\1 is missing"),
    (re.compile(r"^No such command '([^']*)'.*"), r"there is no command '\1'"),
    (re.compile(r"^No such option: (\S+).*"), r"there is no option \1"),
    (re.compile(r"^Got unexpected extra argument\(s\) \((.*)\)"), r"nothing takes '\1'"),
)
"""What the parser says, and the same in plain words."""


def in_our_form(error: BaseException, words: Sequence[str]) -> SpecError | None:
    """Return a refusal of the parser's with its place and a next command; None for another error.

    `words`: what was typed after `compound`.
    """
    if not isinstance(error, typer.BadParameter.__mro__[1]):
        return None
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context else "compound"
    message = str(error.format_message())  # type: ignore[attr-defined]
    for pattern, plain in _PLAIN:
        message = pattern.sub(plain, message)
    unknown = (re.findall(r"^there is no (?:command|option) '?([^\s']+)", message) or [""])[0]
    near = nearest_words(unknown, _names(context)) if unknown else []
    steps = (_typed(words, unknown, near), _of_key(error, words), _of_setting(words))
    return SpecError(
        in_line(message.rstrip(".") + "".join(f", did you mean {name}?" for name in near)),
        where="" if command == "compound" else command,
        allowed=", ".join(_names(context)),
        next_step=next(filter(None, steps), f"{command} --help"),
    )


def _names(context: Any) -> list[str]:
    """Return the commands, or the options of a command."""
    if context is None:
        return []
    if names := getattr(context.command, "commands", None):
        return [*names]
    options = [option for param in context.command.params for option in param.opts]
    return [*(option for option in options if option.startswith("-")), "--help"]


def _typed(words: Sequence[str], unknown: str, near: Sequence[str]) -> str:
    """Return what was typed, with the name that it is like in place of an unknown one."""
    if not near:
        return ""
    return shlex.join(["compound", *(near[0] if word == unknown else word for word in words)])


def _of_key(error: BaseException, words: Sequence[str]) -> str:
    """Return the setting of a key that was typed as an option: `--epochs` is `train.epochs`."""
    option = getattr(error, "option_name", "")
    if not option or not {"run", "plan", "validate", "data", "submit"} & {*words[:1]}:
        return ""
    from compound.orchestrator.spec.key_homes import shortest_home  # pydantic, for --help

    home = shortest_home(option.lstrip("-").replace("-", "_"))
    return f"type --set {home}=VALUE, as option for a key of the spec" if home else ""


def _of_setting(words: Sequence[str]) -> str:
    """Return the setting that was typed as several words."""
    for number, word in enumerate(words[:-2]):
        if word == "--set" and "=" not in words[number + 1]:
            return f"type --set {words[number + 1]}={words[number + 2].lstrip('=')}"
    return ""
