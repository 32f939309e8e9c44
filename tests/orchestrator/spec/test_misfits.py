"""Keys that do not fit each other: the one to change is blamed, not the first key of its block."""

import ast
import json
from pathlib import Path

import pytest

from compound.orchestrator.spec.load import load
from compound.schemas.base import STORED
from compound.schemas.errors import SpecError
from compound.schemas.study import SPEC

ROOT = Path(__file__).parents[3]
NO_PART_OF_A_SPEC = {"data_ledger.py", "job.py"}
"""A ledger, and the settled recipe of a job."""

MISFITS = [
    ("budget:\n  epochs: 7\n  money: 5", "  money: 5"),
    ("rounding:\n  depth: ceil\n  resolution: 64\n  max_resolution: 32", "  max_resolution: 32"),
    ("train:\n  epochs: 3\n  batch: 64\n  accumulate: 3", "  accumulate: 3"),
    ("train:\n  augment:\n    flip: false\n    area: [0.6, 0.5]", "    area: [0.6, 0.5]"),
    ("train:\n  augment:\n    flip: false\n    aspect:\n      - 2\n      - 1", "      - 2"),
    ("search:\n  design:\n    kind: grid\n    beta: [1.5, 1]", "    beta: [1.5, 1]"),
    ("search:\n  design:\n    kind: grid\n    step: 0.0001", "    step: 0.0001"),
    (
        "search:\n  seeds: 3\n  rounds: 1\n  promotion:\n    kind: rungs\n    seeds: 1",
        "    seeds: 1",
    ),
    ("search:\n  seeds: 3\n  promotion: {kind: rungs}\n  rounds: 1", "  rounds: 1"),
    ("search:\n  seeds: 3\n  promotion:\n    grace: 2\n    kind: asha", "    kind: asha"),
    (
        "search:\n  seeds: 3\n  train:\n    batch: 8\n    compile: auto\n  tie_break: step_time",
        "    compile: auto",
    ),
    ("search:\n  controls:\n    - width\n    - depth\n    - width", "    - width"),
    ("search:\n  seeds: 3\n  surface: gaussian process", "  surface: gaussian process"),
    ("trackers:\n  - mlflow\n  - mlflow", "  - mlflow"),
    (
        "resources:\n  search:\n    cpus: 2\n    workers:\n      min: 1\n      max: 2",
        "      min: 1",
    ),
    ("resources:\n  search:\n    workers: 2\n    parallel: full", "    parallel: full"),
    ("resources:\n  search:\n    workers: 2\n    sharding: full", "    sharding: full"),
    (
        "resources:\n  family:\n    workers:\n      max: 2\n      min: 3",
        "      min: 3",
    ),
    ("resources:\n  family:\n    gpus: 1\n    parallel: full", "    parallel: full"),
    ("resources:\n  family:\n    parallel: full\n    workers: 1", "    workers: 1"),
    (
        "resources:\n  family:\n    parallel: full\n    workers: 2\n    gpus: 0.5",
        "    gpus: 0.5",
    ),
    (
        "resources:\n  family:\n    parallel: full\n    cpus: 2\n    sharding: full",
        "    sharding: full",
    ),
]
HEAD = "kind: study\nname: x\ndata: {source: digits}\nbaseline: {name: resnet-18}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a spec that is still to be written."""
    return tmp_path / "spec.yaml"


@pytest.mark.parametrize(("block", "line"), MISFITS, ids=[line.strip() for _, line in MISFITS])
def test_the_line_to_change_is_blamed(path: Path, block: str, line: str) -> None:
    path.write_text(HEAD + block)
    lines = path.read_text().splitlines()
    number = len(lines) - lines[::-1].index(line)
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.where.startswith(f"{path}:{number}:"), str(caught.value)


def test_the_setting_that_does_not_fit_is_blamed(path: Path) -> None:
    path.write_text(HEAD + "search:\n  promotion:\n    kind: rungs\n    seeds: 1\n")
    with pytest.raises(SpecError, match="rounds need an estimate") as caught:
        load(path, ["search.rounds=1"])
    assert caught.value.where == "--set search.rounds=1"


def test_every_rule_between_keys_names_them() -> None:
    without = []
    for file in sorted((ROOT / "schemas").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            is_rule = isinstance(node, ast.FunctionDef) and "model_validator" in str(
                [ast.unparse(decorator) for decorator in node.decorator_list]
            )
            if is_rule and "raise ValueError" in ast.unparse(node):
                without.append(file.name)
    assert set(without) == NO_PART_OF_A_SPEC


def test_the_surface_of_a_stored_study_is_dropped_and_that_of_a_spec_refused(tmp_path):
    stored = {
        "kind": "study",
        "name": "old",
        "data": {"source": "digits"},
        "baseline": {"name": "efficientnet-b0"},
        "search": {"seeds": 5},
    }
    old = {**stored, "search": {"seeds": 5, "surface": "gaussian process"}}
    assert SPEC.validate_python(old, context=STORED) == SPEC.validate_python(stored, context=STORED)
    assert SPEC.validate_json(json.dumps(old), context=STORED) == SPEC.validate_python(
        stored, context=STORED
    )
    file = tmp_path / "old.yaml"
    file.write_text(json.dumps(old))
    with pytest.raises(SpecError, match="take this line out"):
        load(file)
    assert "search.surface" not in load(file, ["search={seeds: 5}"]).spec.model_dump_json()
