"""The architecture holds: who may import whom, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
FILES = [path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")]


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_layer_imports_only_what_stands_to_its_left(path: Path) -> None:
    own = LAYERS.index(path.relative_to(ROOT).parts[0])
    assert not imported(path) & set(LAYERS[own + 1 :])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_cluster_imports_ray(path: Path) -> None:
    allowed = path.relative_to(ROOT).parts[0] == "cluster"
    assert allowed or "ray" not in imported(path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name


def test_there_are_no_rooms_for_odds_and_ends() -> None:
    assert not [path for path in FILES if path.stem in ("utils", "helpers", "common", "misc")]
    assert not [path for path in FILES if path.stem == "__init__" and path.read_text()]
    assert not list(ROOT.glob("*.py"))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("schemas.study", ("torch", "ray", "pyarrow", "numpy")),
        ("jobs.run", ("ray",)),
        ("cluster.runner", ("ray",)),
        ("cluster.local", ("ray",)),
        ("orchestrator.cli", ("torch", "ray", "pyarrow", "plotly")),
        ("orchestrator.commands.planning", ("torch", "ray", "plotly")),
    ],
)
def test_imports_stay_light(module: str, absent: tuple[str, ...]) -> None:
    code = f"import {module}, sys; print([m for m in {absent!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
