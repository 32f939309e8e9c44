"""No number of a report is impossible, whatever the results were."""

import os
import re
from collections.abc import Iterator

import numpy as np
import pytest

from compound.orchestrator.choose.outcomes import next_step
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.page import render
from compound.orchestrator.report.sections import tables
from compound.orchestrator.report.sections.answer_section import answer_table, answer_tiles
from compound.orchestrator.report.sections.final_report import final_table
from compound.orchestrator.report.sections.headline import tiles
from compound.orchestrator.report.sections.optimum_text import surface_text
from compound.orchestrator.report.sections.power_law_table import law_table
from compound.schemas.base import Model
from tests.support.random_results import random_study
from tests.support.report_pages import DATA, spec_of

STUDIES = 2500 if os.environ.get("COMPOUND_LONG") else 25
PERCENT = re.compile(r"(-?[\d.]+) %")
RANGE = re.compile(r"(-?\d[\d.]*) (?:%|points)? ?to (-?\d[\d.]*)")

MIDDLES = ("value", "estimate", "mean", "expected", "gain", "exponent")
TABLES = (
    answer_table,
    tables.standings,
    tables.family,
    tables.jobs,
    law_table,
    final_table,
)


def numbers(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of a document with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, path)
    elif isinstance(value, float):
        yield path, value


def intervals(value: object) -> Iterator[dict[str, float]]:
    """Yield every part of a document that has ends."""
    if isinstance(value, dict):
        if value.get("low") is not None and value.get("high") is not None:
            yield value
        for inner in value.values():
            yield from intervals(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from intervals(inner)


def assert_document(document: Model) -> None:
    dumped = document.model_dump(mode="json")
    for path, value in numbers(dumped):
        assert np.isfinite(value), path
    for part in intervals(dumped):
        middle = (
            part.get(name) for name in ("value", "estimate", "mean", "expected", "gain", "exponent")
        )
        estimate = next((value for value in middle if value is not None), None)
        assert part["low"] < part["high"], part
        assert estimate is None or part["low"] <= estimate <= part["high"], part


def texts(inputs: ReportInputs) -> Iterator[str]:
    """Yield every sentence and cell that has an accuracy."""
    verdict, law, answer = inputs.verdict, inputs.law, inputs.answer
    assert verdict is not None and answer is not None
    yield from (answer.text, *answer.notes)
    yield from (verdict.sentence, verdict.reason, verdict.beside, *verdict.warnings)
    yield from (next_step(verdict), surface_text(verdict), law.sentence if law else "")
    yield from (
        f"{tile.value} {tile.context}" for tile in (*answer_tiles(inputs.answer), *tiles(inputs))
    )
    for make in (
        answer_table,
        tables.standings,
        tables.family,
        tables.jobs,
        law_table,
        final_table,
    ):
        for row in make(inputs).rows:
            yield from (f"{cell.text} {cell.below}" for cell in row)


def assert_possible(inputs: ReportInputs) -> None:
    for document in (inputs.verdict, inputs.law, inputs.answer):
        if document is not None:
            assert_document(document)
    for text in texts(inputs):
        assert not re.search(r"\b(nan|inf|None)\b", text), text
        assert all(0 <= float(value) <= 100 for value in PERCENT.findall(text)), text
        assert all(float(low) <= float(high) for low, high in RANGE.findall(text)), text


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_no_number_is_impossible(seeds: int) -> None:
    spec, rng = spec_of(seeds, phi=(1, 2, 3)), np.random.default_rng(seeds)
    plan = plan_study(spec, DATA)
    for study in range(STUDIES):
        inputs = random_study(spec, plan, rng)
        assert_possible(inputs)
        if study % 500 == 0:
            render(inputs)
