"""Limits that a plan's jobs do not use up."""

from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.forecast.budget_check import unlimited, warnings
from compound.orchestrator.prepare import prepare
from compound.orchestrator.spec.load import load
from tests.support.command import compound
from tests.support.small_study import SPEC

NO_GPU = "does not limit the search and gate and family: up to "


def warned(folder: Path, budget: str, *overrides: str) -> list[str]:
    path = folder / "small.yaml"
    path.write_text(SPEC.format(store=folder / "runs", epochs=1) + f"gate: warn\nbudget: {budget}")
    spec = load(path, overrides).spec
    forecast = prepare(spec, summarise(spec.data), None).forecast
    found = list(unlimited(spec, forecast.resources, forecast))
    assert all(text in warnings(spec, forecast) for text in found)
    return found


def test_gpu_hours_do_not_limit_cpus(tmp_path: Path) -> None:
    (text,) = warned(tmp_path, "{gpu_hours: 2}")
    assert text.startswith(f"`budget.gpu_hours: 2` {NO_GPU}")
    assert text.endswith("set `budget.cpu_hours` too") and "CPU-hours; " in text


def test_money_for_gpus_alone_does_not_limit_cpus(tmp_path: Path) -> None:
    (text,) = warned(tmp_path, "{money: 9, price_per_gpu_hour: 3}")
    assert NO_GPU in text and text.endswith("set `budget.price_per_cpu_hour` too")


def test_only_the_phases_on_cpus_are_named(tmp_path: Path) -> None:
    hosts = ("cluster={cpus: 8, gpus: 2}", "resources.family.gpus=1")
    (text,) = warned(tmp_path, "{gpu_hours: 2}", *hosts)
    assert "does not limit the search and gate: " in text


@pytest.mark.parametrize(
    "budget",
    ["{gpu_hours: 2, cpu_hours: 3}", "{cpu_hours: 3}", "{money: 9, price_per_cpu_hour: 3}", "{}"],
)
def test_a_limit_that_counts_cpus_needs_no_warning(budget: str, tmp_path: Path) -> None:
    assert warned(tmp_path, budget) == []


def test_a_run_warns_too(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    limit = ("--set", "budget={gpu_hours: 2, epochs: 1, at_limit: stop}")
    ran = compound("run", str(path), *limit, "--runner", "local", "--no-report")
    assert "warning: `budget.gpu_hours: 2` does not limit the search" in ran.stderr
