"""The page of commands is made from the application, and is current."""

import typer
from typer.core import TyperGroup

from compound.orchestrator.cli.app import app
from docs.command_reference import command_reference
from tests.support.pages import DOCS

PAGE = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")


def test_the_page_of_commands_is_current() -> None:
    assert command_reference(app) == PAGE, "make reference"


def test_every_command_and_option_has_a_meaning() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    names = group.list_commands(typer.Context(group))
    assert len(names) > 20
    assert [line[3:] for line in PAGE.splitlines() if line.startswith("## ")] == names
    silent = [
        line for line in PAGE.splitlines() if line.startswith("| `-") and line.endswith("|  |")
    ]
    assert not silent
