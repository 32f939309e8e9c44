"""What the parser of the command line refuses, in the form of every other error."""

import re
import shlex
from collections.abc import Mapping, Sequence
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
    (re.compile(r"^No such command '([^']*)'.*", re.S), r"there is no command '\1'"),
    (re.compile(r"^No such option: (\S+).*", re.S), r"there is no option \1"),
    (re.compile(r"^Got unexpected extra argument\(s\) \((.*)\)", re.S), r"nothing takes '\1'"),
    (re.compile(r"^Option '(\S+)' requires an argument"), r"\1: its value is missing"),
)
"""What the parser says, and the same in plain words."""
_NUMBERS = {"it is no whole number": "a whole number", "it is no number": "a number"}
"""What a refusal ends with, and what is allowed."""
_OF_SPECS = ("run", "plan", "validate", "data", "submit")
"""Commands that take `--set`."""


def in_our_form(error: BaseException, words: Sequence[str], app: typer.Typer) -> SpecError | None:
    """Return a refusal of the parser's with its place and a next command; None for another error.

    `words`: what was typed after `compound`; `app`: its commands.
    """
    if not isinstance(error, typer.BadParameter.__mro__[1]):
        return None
    context: Any = getattr(error, "ctx", None)
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    option = _option(error, commands.get("".join(words[:1])))
    command = context.command_path if context else _command_path(words, commands)
    message = str(error.format_message())  # type: ignore[attr-defined]
    for pattern, plain in _PLAIN:
        message = pattern.sub(plain, message)
    unknown = (re.findall(r"^there is no (?:command|option) '?([^\s']+)", message) or [""])[0]
    key = "" if option else _of_key(error, words)
    near = nearest_words(unknown, _names(context)) if unknown and not key else []
    steps = (f"type --set {key}" if key else "", _of_choice(message), _typed(words, unknown, near))
    return SpecError(
        in_line(message.rstrip(".") + _hint(key, near)),
        where="" if command == "compound" else command,
        allowed=_values(message, option) or ", ".join(_names(context)),
        next_step=next(filter(None, (*steps, _of_setting(words))), f"{command} --help"),
    )


def _hint(key: str, near: Sequence[str]) -> str:
    """Say which key of the spec is meant, or which name is alike."""
    if key:
        home = key.partition("=")[0].lstrip("'")
        return f": the spec has this key, which --set {home}=VALUE sets"
    return f", did you mean {near[0]}?" if near else ""


def _command_path(words: Sequence[str], commands: Mapping[str, Any]) -> str:
    return f"compound {words[0]}" if words and words[0] in commands else "compound"


def _names(context: Any) -> list[str]:
    """Return the commands, or the options of a command."""
    if context is None:
        return []
    if names := getattr(context.command, "commands", None):
        return [*names]
    options = [option for param in context.command.params for option in param.opts]
    return [*(option for option in options if option.startswith("-")), "--help"]


def _option(error: BaseException, command: Any) -> Any:
    """Return the option whose value is missing; None for other errors."""
    name = getattr(error, "option_name", "")
    return next((p for p in (command.params if command else ()) if name in p.opts), None)


def _values(message: str, option: Any) -> str:
    """Return what may stand for a value that is refused, or missing; "" for other errors."""
    if choices := _choices(message):
        return ", ".join(choices)
    numbers = [words for ending, words in _NUMBERS.items() if message.endswith(ending)]
    return numbers[0] if numbers else str(getattr(option, "help", None) or "").rstrip(".")


def _choices(message: str) -> list[str]:
    return re.findall(r"'([^']*)'", message.partition(" is not one of ")[2])


def _of_choice(message: str) -> str:
    """Return an option with the choice that is like the refused value."""
    option, _, problem = message.partition(": ")
    typed = problem.partition(" is not one of ")[0].strip("'")
    near = nearest_words(typed, _choices(message))
    return f"type {option.split(' / ')[0]} {near[0]}" if near else ""


def _typed(words: Sequence[str], unknown: str, near: Sequence[str]) -> str:
    """Return what was typed, with the name that it is like in place of an unknown one."""
    if not near:
        return ""
    return shlex.join(["compound", *(near[0] if word == unknown else word for word in words)])


def _of_key(error: BaseException, words: Sequence[str]) -> str:
    """Return the setting of a key that was typed as an option: `--epochs` is `train.epochs`."""
    option = getattr(error, "option_name", "")
    if not option or "".join(words[:1]) not in _OF_SPECS:
        return ""
    # They need pydantic, which `--help` need not wait for.
    from compound.orchestrator.spec.key_homes import shortest_home
    from compound.schemas.store_uri import masked

    home = shortest_home(option.lstrip("-").replace("-", "_"))
    return shlex.quote(masked(f"{home}={_value_of(option, words)}")) if home else ""


def _value_of(option: str, words: Sequence[str]) -> str:
    """Return what was typed as an option's value; VALUE where nothing was."""
    for word, following in zip(words, [*words[1:], "-"], strict=True):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and not following.startswith("-"):
            return following
    return "VALUE"


def _of_setting(words: Sequence[str]) -> str:
    """Return the setting that was typed as several words."""
    for number, word in enumerate(words[:-2]):
        if word == "--set" and "=" not in words[number + 1]:
            return f"type --set {words[number + 1]}={words[number + 2].lstrip('=')}"
    return ""
