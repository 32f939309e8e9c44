"""The commands that people are told to type."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.wording.commands import command

ROOT = Path(__file__).parents[3]
_BUILT = re.compile(r"compound [a-z]+ (.*--|\x00)")
"""A command with an option, or with a value put in: `command` makes those."""

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


def test_no_other_code_puts_commands_together() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {text}"
        for file in sorted((ROOT / "orchestrator").rglob("*.py"))
        for node in _without_docstrings(ast.parse(file.read_text()))
        if _BUILT.search(text := _text(node)) and " SPEC" not in text
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
