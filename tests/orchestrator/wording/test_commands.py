"""The commands that people are told to type."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.cli.app import app
from compound.orchestrator.cli.printing.command_line import as_typed, typed_program
from compound.orchestrator.wording.commands import command, commented, resuming, with_settings

ROOT = Path(__file__).parents[3]
_BUILT = re.compile(r"compound [a-z]+ (.*--|\x00)")
"""A command with an option, or with a value put in: `command` makes those."""
_PLACEHOLDER = re.compile(" (SPEC|FOLDER)\\b")
"""Its reader puts the value in."""

settings = st.tuples(st.sampled_from(["a", "a.b", "c"]), st.text(max_size=8)).map("=".join)


@given(st.text(min_size=1, max_size=20), st.lists(settings, max_size=5))
def test_a_shell_reads_the_words_that_were_typed(path: str, sets: list[str]) -> None:
    words = shlex.split(command("run", (f"a/{path}",), sets, runner="local", json=True))
    assert words[:3] == ["compound", "run", f"a/{path}"]
    assert words[-3:] == ["--runner", "local", "--json"]
    newest = {text.partition("=")[0]: text for text in sets}
    assert sorted(words[4:-3:2]) == sorted(newest.values())
    assert words[3:-3:2] == ["--set"] * len(newest)


def test_settings_keep_the_order_in_which_they_count() -> None:
    assert command("plan", (), ["a.b=1", "a={c: 1}", "a.b=2"]) == (
        "compound plan --set 'a={c: 1}' --set a.b=2"
    )


def test_what_is_not_set_is_left_out_and_zero_is_not() -> None:
    assert (
        command("gc", ("x",), store=None, yes=False, keep_best=0) == "compound gc x --keep-best 0"
    )


def test_a_path_is_no_option_and_a_home_stays_one() -> None:
    assert command("plan", ("-x.yaml",)) == "compound plan ./-x.yaml"
    assert command("status", ("x",), store="~/my runs") == "compound status x --store ~/'my runs'"


def test_secrets_are_masked() -> None:
    assert "secret" not in command("plan", ("x",), ["store=s3://key:secret@bucket"])


@pytest.mark.parametrize("typed", [".venv/bin/compound", "/my tools/compound"])
def test_commands_begin_as_the_program_was_typed(typed: str) -> None:
    first = shlex.quote(typed)
    text = "next: compound run a.yaml    # or `compound status x`"
    assert as_typed(text, typed) == f"next: {first} run a.yaml    # or `{first} status x`"
    kept = (
        "Compound scaling brought nothing; compound scaling, /bin/compound run, python -m compound "
        "run, my-compound run, compound runs"
    )
    assert as_typed(kept, typed) == kept and as_typed(text, "") == text


def test_every_command_is_known_where_it_is_printed_as_typed() -> None:
    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert as_typed(f"compound {name}", "x/compound") == f"x/compound {name}"


def test_a_program_on_path_is_printed_by_its_name(tmp_path: Path, monkeypatch) -> None:
    program = tmp_path / "bin" / "compound"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert typed_program(str(program)) == str(program)
    monkeypatch.chdir(tmp_path)
    assert typed_program("bin/compound") == "bin/compound"
    monkeypatch.setenv("PATH", str(program.parent))
    assert typed_program(str(program)) == typed_program("bin/compound") == ""
    assert typed_program("/x/pytest") == typed_program("compound") == ""


def test_what_goes_on_is_what_was_typed_or_says_what_is_to_be_named() -> None:
    assert resuming("compound run /a.yaml", "x") == "compound run /a.yaml"
    assert resuming("", "my specs/a.yml") == "compound run 'my specs/a.yml'"
    assert resuming("", "x") == "compound run SPEC"
    named = "compound run SPEC    # goes on; SPEC: the spec that started the study"
    assert commented("compound run SPEC", "goes on") == named
    assert commented("compound run a", "goes on") == "compound run a    # goes on"
    assert commented("compound run a") == "compound run a"


def test_settings_replace_those_of_the_same_key() -> None:
    typed = "compound run 'my a.yaml' --set train.epochs=2 --set seed=1 --runner local"
    assert with_settings(typed, ["train.epochs=3"]) == (
        "compound run 'my a.yaml' --set seed=1 --runner local --set train.epochs=3"
    )
    for other in ("", "compound retry x", "compound run --plan plan.json"):
        assert with_settings(other, ["seed=2"]) == "compound run SPEC --set seed=2"


def test_no_other_code_puts_commands_together() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {text}"
        for file in sorted((ROOT / "orchestrator").rglob("*.py"))
        for node in _without_docstrings(ast.parse(file.read_text()))
        if _BUILT.search(text := _text(node)) and not _PLACEHOLDER.search(text)
    ]
    assert not found


def _without_docstrings(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from (child, *_without_docstrings(child))


def _text(node: ast.AST) -> str:
    """Return a literal with a NUL for every value in it; "" for docstrings and other nodes."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
        return "".join(map(str, parts))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
