"""The architecture holds: who may import whom, and what stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import pytest

from tests.support.house import (
    LAYERS,
    ROOT,
    empty_names,
    files_that_name,
    folders,
    functions,
    import_graph,
    imports_of,
    kind_tests,
    loaded_by,
    longest_chain,
    modules,
    repeated_names,
    trees,
)

ORDER = (
    "schemas/base",
    "schemas/machine",
    "schemas",
    "schemas/outcomes",
    "jobs/regular_file",
    "jobs/process_mark",
    "jobs/seeds",
    "jobs/device_model",
    "jobs/wording",
    "jobs/store/backend",
    "jobs/store/format",
    "jobs/store/folders",
    "jobs/store/writing",
    "jobs/store/checking",
    "jobs/store/artifacts",
    "jobs/networks",
    "jobs/gpu",
    "jobs/runtime",
    "jobs/data/augment",
    "jobs/data/listing",
    "jobs/data/pixels",
    "jobs/data/sources",
    "jobs/data",
    "jobs/data/stream",
    "jobs/models",
    "jobs/parallel",
    "jobs/training/optimiser",
    "jobs/training/compiling",
    "jobs/training/loop",
    "jobs/training/checkpoints",
    "jobs/training",
    "jobs/probe",
    "jobs/host",
    "jobs/evaluate_job",
    "jobs/run_job",
    "jobs/__main__",
    "cluster",
    "cluster/worker_group",
    "cluster/trials",
    "orchestrator/statistics",
    "orchestrator/wording",
    "orchestrator/paper",
    "orchestrator/timeline",
    "orchestrator/records",
    "orchestrator/losses",
    "orchestrator/spec",
    "orchestrator/design",
    "orchestrator/plan",
    "orchestrator/analyse",
    "orchestrator/choose",
    "orchestrator/scale",
    "orchestrator/forecast",
    "orchestrator/first_spec",
    "orchestrator/answer",
    "orchestrator/overview",
    "orchestrator/report/inputs",
    "orchestrator/report/figures",
    "orchestrator/report/sections",
    "orchestrator/report",
    "orchestrator/live/charts",
    "orchestrator/run",
    "orchestrator/study",
    "orchestrator/kinds",
    "orchestrator/refusals",
    "orchestrator/prepare",
    "orchestrator/cli/printing",
    "orchestrator/cli/parsing",
    "orchestrator/cli/store",
    "orchestrator/cli/specs",
    "orchestrator/cli/study",
    "orchestrator/live/listing",
    "orchestrator/live/reading",
    "orchestrator/live/access",
    "orchestrator/live/pages",
    "orchestrator/live",
    "orchestrator/cli",
    "orchestrator/command_line",
    "orchestrator/__main__",
)
"""Folders, and files beside them, in the order of imports: a file imports from its own place or
from one before it. Who adds a folder gives it its place in this list."""


def place_of(module: str) -> int:
    """Return where a module stands in the order. ValueError: its folder has no place yet."""
    path = module.removeprefix("compound.").replace(".", "/")
    return ORDER.index(path if path in ORDER else path.rpartition("/")[0])


def test_files_import_only_from_folders_before_theirs() -> None:
    known = modules()
    backwards = [
        f"{name} imports {target}"
        for name, path in known.items()
        for target in imports_of(trees()[path], known, in_functions=True)
        if place_of(target) > place_of(name)
    ]
    assert not backwards


def test_every_folder_of_the_order_exists() -> None:
    places = {place_of(name) for name in modules()}
    assert places == set(range(len(ORDER)))


def tops(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level packages that a file imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or ".").partition(".")[0]


def test_our_modules_have_one_root() -> None:
    assert not [path for path, tree in trees().items() if {*tops(tree)} & {*LAYERS}]


def test_only_cluster_imports_ray() -> None:
    users = {path.parts[0] for path, tree in trees().items() if "ray" in tops(tree)}
    assert users == {"cluster"}


def test_files_and_functions_stay_short_and_annotated() -> None:
    long = [path for path in trees() if (ROOT / path).read_text().count("\n") > 300]
    assert not long
    assert not [where for where, lines, _ in functions() if lines > 50]
    assert not [where for where, _, annotated in functions() if not annotated]
    assert median(lines for _, lines, _ in functions()) <= 8


def test_there_are_no_rooms_for_odds_and_ends() -> None:
    stems = {path.stem for path in trees()}
    assert not stems & {"utils", "helpers", "common", "misc"}
    assert not [p for p in trees() if p.stem == "__init__" and (ROOT / p).read_text()]
    assert not list(ROOT.glob("*.py"))


def test_folders_are_small_and_file_names_unique() -> None:
    sizes = folders()
    assert max(sizes.values()) <= 26 and median(sizes.values()) <= 8
    assert not repeated_names()


STORED = {
    "schemas/data_ledger.py found",
    "schemas/data_ledger.py taken",
    "schemas/forecast.py asked",
    "jobs/store/checking/findings.py what",
    "jobs/store/checking/gc.py kept",
    "orchestrator/cli/doctor.py what",
    "orchestrator/cli/doctor.py found",
}
"""Fields that stored or printed documents have; their names stay."""


def test_names_say_what_they_hold() -> None:
    names = {f"{line.partition(':')[0]} {line.split()[-1]}" for line in empty_names()}
    assert names == STORED


def test_a_kind_of_spec_is_rarely_asked_for() -> None:
    assert len(kind_tests()) <= 4, kind_tests()


def test_the_parallel_strategy_stays_in_its_folder() -> None:
    named = files_that_name("shard", ("jobs/parallel", "jobs/store"))
    assert len(named) <= 4, named


def test_chains_of_imports_are_short() -> None:
    assert all(name not in targets for name, targets in import_graph().items())
    assert len(longest_chain()) <= 20, longest_chain()


def test_a_run_imports_what_it_needs() -> None:
    share = len(loaded_by("compound.orchestrator.cli.study.run")) / len(modules())
    assert share <= 0.7


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("schemas.study", ("torch", "ray", "pyarrow", "numpy")),
        ("jobs.run_job, compound.cluster.runner, compound.cluster.local_runner", ("ray",)),
        ("orchestrator.cli.app", ("torch", "ray", "pyarrow", "jinja2")),
        ("orchestrator.cli.specs.plan", ("torch", "ray", "jinja2")),
    ],
)
def test_imports_stay_light(module: str, absent: tuple[str, ...]) -> None:
    code = f"import compound.{module}, sys; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
