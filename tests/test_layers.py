"""The architecture holds: who may import whom, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
TREES = {
    path.relative_to(ROOT): ast.parse(path.read_text())
    for layer in LAYERS
    for path in sorted((ROOT / layer).rglob("*.py"))
}


def imported(tree: ast.Module) -> set[str]:
    """Return the modules that a file imports."""
    nodes = list(ast.walk(tree))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {*names, *(node.module or "." for node in nodes if isinstance(node, ast.ImportFrom))}


def layer_of(module: str) -> str:
    """Return the layer that a module of ours belongs to, or nothing."""
    root, _, rest = module.partition(".")
    return rest.partition(".")[0] if root == "compound" else ""


def test_a_layer_imports_only_what_stands_to_its_left() -> None:
    for path, tree in TREES.items():
        later = set(LAYERS[LAYERS.index(path.parts[0]) + 1 :])
        assert not {layer_of(module) for module in imported(tree)} & later, path


def test_our_modules_have_one_root() -> None:
    for path, tree in TREES.items():
        tops = {module.partition(".")[0] for module in imported(tree)}
        assert not tops & set(LAYERS), path


def test_only_cluster_imports_ray() -> None:
    for path, tree in TREES.items():
        tops = {module.partition(".")[0] for module in imported(tree)}
        assert path.parts[0] == "cluster" or "ray" not in tops, path


def test_files_and_functions_stay_short() -> None:
    for path, tree in TREES.items():
        assert (ROOT / path).read_text().count("\n") <= 300, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, (path, node.name)


def test_there_are_no_rooms_for_odds_and_ends() -> None:
    assert not [p for p in TREES if p.stem in ("utils", "helpers", "common", "misc")]
    assert not [p for p in TREES if p.stem == "__init__" and (ROOT / p).read_text()]
    assert not list(ROOT.glob("*.py"))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("schemas.study", ("torch", "ray", "pyarrow", "numpy")),
        ("jobs.run_job", ("ray",)),
        ("cluster.runner", ("ray",)),
        ("cluster.local_runner", ("ray",)),
        ("orchestrator.cli.app", ("torch", "ray", "pyarrow", "plotly")),
        ("orchestrator.cli.plan", ("torch", "ray", "plotly")),
    ],
)
def test_imports_stay_light(module: str, absent: tuple[str, ...]) -> None:
    code = f"import compound.{module}, sys; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
