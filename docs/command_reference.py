"""Every command with its arguments and options as Markdown, made from the typer application."""

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

HEAD = """\
# Every command

`compound COMMAND --help` prints the same. `--debug`, anywhere, shows the traceback of an error.
Data go to stdout, everything else to stderr. [Exit codes](exit-codes.md) say how a command ended.
"""
TABLE = ("| argument or option | value | default | meaning |", "|---|---|---|---|")
_TYPES = {"str": "text", "int": "integer", "float": "number", "path": "path"}
_SWITCHES = ("False", "None")
"""Defaults that the name of an option says already."""


def command_reference(app: typer.Typer) -> str:
    """Return the page: a section for each command, in the order of `compound --help`."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    context = typer.Context(group, info_name="compound")
    commands = [group.get_command(context, name) for name in group.list_commands(context)]
    shown = [c for c in commands if isinstance(c, TyperCommand) and not c.hidden]
    return "\n".join([HEAD, *(_section(command, context) for command in shown)])


def _section(command: TyperCommand, parent: typer.Context) -> str:
    context = typer.Context(command, info_name=command.name, parent=parent)
    parameters = [p for p in command.get_params(context) if p.name != "help"]
    words = [_word(p) for p in parameters if isinstance(p, TyperArgument)]
    rows = [_row(p, context) for p in parameters if isinstance(p, TyperOption | TyperArgument)]
    usage = f"Usage: `{' '.join(['compound', str(command.name), *words])}`"
    table = [*TABLE, *rows] if rows else []
    text = " ".join((command.help or "").split())
    return "\n".join([f"## {command.name}", "", text, "", usage, "", *table, ""])


def _word(argument: TyperArgument) -> str:
    """Return an argument as it is typed: `[SPEC]` where it may be left out."""
    name = argument.metavar or str(argument.name).upper()
    bare = name.strip("[]{}")
    more = "..." if argument.nargs != 1 else ""
    return f"{bare}{more}" if argument.required else f"[{bare}]{more}"


def _row(parameter: TyperOption | TyperArgument, context: typer.Context) -> str:
    if isinstance(parameter, TyperArgument):
        cells = [f"`{_word(parameter)}`", "", "", parameter.help or ""]
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        cells = [names, _value(parameter, context), _default(parameter), parameter.help or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(option: TyperOption, context: typer.Context) -> str:
    """Return what an option takes; nothing for a switch."""
    if option.is_flag:
        return ""
    kind = option.metavar or option.display_type(context).strip("<>")
    one = kind.removeprefix("list[").removesuffix("]")
    return _TYPES.get(one, ", ".join(f"`{choice}`" for choice in one.split("|")))


def _default(option: TyperOption) -> str:
    shown = option.show_default and str(option.default) not in (*_SWITCHES, "")
    if not shown:
        return ""
    return f"`{option.opts[0]}`" if option.is_flag else f"`{option.default}`"
