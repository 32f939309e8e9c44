"""Commands that pages show: whether the program has them, with the options that are named."""

from collections.abc import Sequence

import typer
from typer.core import TyperCommand, TyperGroup

from compound.orchestrator.cli.app import app

_GROUP = typer.main.get_command(app)
assert isinstance(_GROUP, TyperGroup)
_CONTEXT = typer.Context(_GROUP, info_name="compound")
COMMANDS = frozenset(_GROUP.list_commands(_CONTEXT))
_EVERYWHERE = {"--help", "-h", "--debug", "--version"}


def options(name: str) -> set[str]:
    """Return the options of a command, as they are typed."""
    command = _GROUP.get_command(_CONTEXT, name)
    assert isinstance(command, TyperCommand)
    context = typer.Context(command, info_name=name, parent=_CONTEXT)
    return {o for p in command.get_params(context) for o in (*p.opts, *p.secondary_opts)}


def mistakes(words: Sequence[str]) -> list[str]:
    """Return what of a command the program does not have."""
    if words[0] in _EVERYWHERE:
        return []
    if words[0] not in COMMANDS:
        return [f"no command {words[0]}"]
    named = {word.partition("=")[0] for word in words[1:] if word.startswith("-") and len(word) > 1}
    return [f"{words[0]} has no {o}" for o in sorted(named - options(words[0]) - _EVERYWHERE)]
