import platform
from importlib import metadata

import pytest
from typer.testing import CliRunner

from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.printing.versions import version_line


def test_the_version_names_what_a_bug_report_needs() -> None:
    torch = metadata.version("torch")
    assert f"Python {platform.python_version()}, torch {torch}, ray 2." in version_line()
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"{version_line()}\n")


@pytest.mark.parametrize("words", [["-h"], ["plan", "-h"], ["gc", "-h"], ["submit", "-h"]])
def test_the_short_word_for_help_is_known_everywhere(words: list[str]) -> None:
    short = CliRunner().invoke(app, words)
    long = CliRunner().invoke(app, [*words[:-1], "--help"])
    assert (short.exit_code, short.stdout) == (long.exit_code, long.stdout)
