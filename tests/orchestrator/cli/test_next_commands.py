"""The command that is printed to be typed next: whole, as the command line parses it, no key twice.

What quotes and orders its words is tested in tests/orchestrator/wording/test_commands.py.
"""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from compound.orchestrator.cli.app import app
from compound.orchestrator.spec.anywhere import anywhere
from compound.orchestrator.spec.load import load
from compound.schemas.errors import PlanError
from tests.support.command import compound
from tests.support.small_study import SPEC
from tests.support.user_networks import write

LOCAL = ("--runner", "local")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "my specs" / "small.yaml"
    path.parent.mkdir()
    path.write_text(SPEC.format(store=tmp_path / "my runs", epochs=1))
    return path


def followed(text: str, name: str) -> list[str]:
    """Return the words of the only printed `compound NAME`, which the command line can parse."""
    (line,) = [line for line in text.splitlines() if f"compound {name} " in line]
    words = shlex.split(line[line.index("compound ") :].partition("    #")[0])
    assert parsed(words[1:])
    keys = [word.partition("=")[0] for word in words if "=" in word]
    assert len(keys) == len(set(keys)) and words.count("--allow-import") <= 1
    return words


def parsed(words: list[str]) -> bool:
    group = typer.main.get_command(app)
    context = typer.Context(group)
    name, command, rest = group.resolve_command(context, words)  # type: ignore[attr-defined]
    return bool(command.make_context(name, rest, parent=context))


def test_validate_and_plan_keep_the_settings(spec: Path) -> None:
    sets = ("--set", "seed=1", "--set", "family={phi: [1]}", "--set", "seed=2")
    newest = ["--set", "family={phi: [1]}", "--set", "seed=2"]
    checked = compound("validate", str(spec), *sets)
    assert followed(checked.stdout, "plan") == ["compound", "plan", str(spec), *newest]
    planned = compound("plan", str(spec), *sets)
    assert followed(planned.stdout, "run") == ["compound", "run", str(spec), *newest]


def test_a_plan_beyond_its_budget_names_each_key_once(spec: Path, tmp_path: Path) -> None:
    output = tmp_path / "a plan.json"
    typed = ("--set", "budget.epochs=1", "--set", "budget.at_limit=refuse", "-o", str(output))
    planned = compound("plan", str(spec), *typed)
    assert planned.returncode == 2 and not output.exists()
    again = followed(planned.stderr, "plan")
    assert again[3:] == [
        *("--set", "budget.epochs=1", "--set", "budget.at_limit=stop", "--output", str(output))
    ]
    planned = compound(*again[1:])
    assert followed(planned.stdout, "run") == ["compound", "run", "--plan", str(output)]


def test_a_refused_plan_is_named_with_its_spec(spec: Path) -> None:
    ran = compound("run", str(spec), "--set", "budget.epochs=1", *LOCAL)
    again = followed(ran.stderr, "plan")
    limit = ["--set", "budget.epochs=1", "--set", "budget.at_limit=stop"]
    assert again == ["compound", "plan", str(spec), *limit]
    assert compound(*again[1:]).returncode == 0


def test_a_rehearsal_is_followed_by_the_run_as_it_was_typed(spec: Path) -> None:
    typed = ["--set", "seed=3", *LOCAL, "--no-report"]
    ran = compound("run", str(spec), *typed, "--fast-dev-run")
    assert followed(ran.stdout, "run") == ["compound", "run", str(spec), *typed]
    assert "report was drawn" not in ran.stdout


def test_a_study_at_its_limit_goes_on_by_one_command(spec: Path) -> None:
    limit = ("--set", "budget={epochs: 3, at_limit: stop}")
    ran = compound("run", str(spec), *limit, *LOCAL, "--no-report")
    words = followed(ran.stdout, "run")
    assert words[3:] == [*limit, "--set", "budget.epochs=6", *LOCAL, "--no-report"]
    assert load(Path(words[2]), words[4:7:2]).spec.budget.epochs == 6
    for name in ("status", "metrics", "report"):
        assert followed(ran.stdout, name)[2] == "small"


def test_asha_is_refused_and_what_is_written_next_is_a_spec(spec: Path) -> None:
    ran = compound("run", str(spec), "--set", "search.promotion={kind: asha}", *LOCAL)
    assert ran.returncode == 2
    following = re.search(r"next: write promotion: ({.*?}),", ran.stderr)
    assert following is not None
    sets = [f"search.promotion={following[1]}", "search.train.epochs=8"]
    assert load(spec, sets).spec.search.promotion.kind == "rungs"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plan", ["--probe", "--output", "plan.json"]),
        ("run", ["--fast-dev-run", *LOCAL]),
        ("run", [*LOCAL, "--retry-failed", "--json"]),
        ("submit", ["--address", "http://127.0.0.1:1", "--json"]),
    ],
)
def test_the_grant_is_added_to_what_was_typed(
    name: str, options: list[str], tmp_path: Path
) -> None:
    write(tmp_path)
    sets = ("--set", "train.epochs=2")
    ran = compound(name, "own.yaml", *sets, *options, cwd=tmp_path)
    words = followed(ran.stderr, name)
    assert words == ["compound", name, "own.yaml", *sets, "--allow-import", *options]


def test_an_error_that_knows_no_file_names_the_spec(spec: Path) -> None:
    file = load(spec, ["seed=4"])
    error = PlanError("x", next_step="compound plan SPEC --probe")
    assert file.explain(error).next_step == f"compound plan '{spec}' --set seed=4 --probe"
    assert error.next_step == "compound plan SPEC --probe"


def test_what_goes_on_with_a_study_means_the_same_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "small.yaml").write_text(SPEC.format(store="a store", epochs=1))
    limit = ("--set", "budget={epochs: 3, at_limit: stop}", "--set", "name=other")
    compound("run", "small.yaml", *limit, *LOCAL, "--no-report", cwd=here)
    status = compound("status", "other", "--store", str(here / "a store"), cwd=there)
    words = followed(status.stdout, "run")
    assert words[2:] == [
        *(str(here / "small.yaml"), *limit, "--set", f"store={here / 'a store'}"),
        *(*LOCAL, "--no-report"),
    ]
    monkeypatch.chdir(there)
    assert load(Path(words[2]), words[4:9:2]).spec.store == str(here / "a store")


@pytest.mark.parametrize(
    ("written", "sets", "added"),
    [
        ("runs", [], ["store=HERE/runs"]),
        ("HERE/runs", [], []),
        ("s3://bucket/runs", [], []),
        ("runs", ["store=HERE/x"], []),
        ("HERE/runs", ["store=x", "seed=1"], ["store=HERE/x"]),
    ],
)
def test_only_relative_paths_are_written_out(
    written: str,
    sets: list[str],
    added: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=written.replace("HERE", here), epochs=1))
    file = load(Path("small.yaml"), [text.replace("HERE", here) for text in sets])
    moved = anywhere(file)
    assert moved.source.name == str(path)
    changed = [text for text in moved.overrides.values() if text not in file.overrides.values()]
    assert changed == [text.replace("HERE", here) for text in added]
