"""Whatever a study holds, its report is a whole page without impossible numbers or raw markup."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.page import drawn_page
from compound.schemas.data import DataInfo
from compound.schemas.job import EpochRow, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.hostile_strings import HOSTILE
from tests.support.random_results import random_study
from tests.support.report_pages import DATA, EVIL, Page, ended, failed, figures_in, spec_of

PERCENT = re.compile(r"(?<![\d.])(-?\d[\d.]*) %")
NAMES = st.sampled_from([EVIL, "x" * 1000, "=1+1", "a&b", *HOSTILE[:4]])
ACCURACIES = st.sampled_from([0.0, 1.0, 0.5, 0.1, 0.999])
METRICS = st.sampled_from([0.0, 1.0, 0.25, math.nan, math.inf])


@cache
def planned(seeds: int) -> tuple[StudySpec, Plan]:
    spec = spec_of(seeds, phi=(1, 2, 3))
    return spec, plan_study(spec, DATA)


def kept(plan: Plan, count: int) -> Plan:
    """Return the plan with the baseline and some of its candidates."""
    candidates = plan.candidates[:count]
    ids = {plan.baseline.id, *(candidate.id for candidate in candidates)}
    jobs = tuple(job for job in plan.jobs if job.candidate in ids)
    return plan.model_copy(update={"candidates": candidates, "jobs": jobs})


def rows(jobs: Mapping[str, JobResult], metric: float) -> dict[str, list[EpochRow]]:
    """Return two rows for each job; what an older version wrote may be no number."""
    whole = {"attempt": 1, "step": 1, "wall_time": 0.0}
    return {
        job: [
            EpochRow.model_construct(
                job=job, epoch=n, metrics={ACCURACY: value, "loss": value}, **whole
            )
            for n, value in ((1, 0.5), (2, metric))
        ]
        for job in jobs
    }


def hostile(data: DataInfo, name: str) -> DataInfo:
    return data.model_copy(
        update={"classes": (name, "dog"), "quarantined": (f"{name}: truncated",)}
    )


class Case(NamedTuple):
    """How a study has gone. `random`: the seed of random results; None: all jobs end alike."""

    seeds: int
    name: str
    metric: float
    random: int | None
    candidates: int
    accuracy: float
    broken: bool


CASES = st.builds(
    Case,
    st.sampled_from([1, 3]),
    NAMES,
    METRICS,
    st.none() | st.integers(0, 1000),
    st.sampled_from([0, 1, 2, 100]),
    ACCURACIES,
    st.booleans(),
)


def built(case: Case) -> ReportInputs:
    spec, plan = planned(case.seeds)
    if case.random is not None:
        inputs = random_study(spec, plan, np.random.default_rng(case.random))
    else:
        few = kept(plan, case.candidates)
        ids = [job.request.job.id for job in few.jobs]
        results = {job: failed(job) if case.broken else ended(job, case.accuracy) for job in ids}
        verdict = analyse(spec, few, results)
        inputs = ReportInputs(spec, "", plan.baseline, DATA, few, verdict, results=results)
    measured = rows(inputs.results, case.metric)
    return replace(inputs, data=hostile(DATA, case.name), spec_text=case.name, rows=measured)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # a page takes too long for hundreds of smaller ones
)
@given(CASES)
def test_every_study_has_a_whole_page(case: Case) -> None:
    drawn = drawn_page(built(case))
    assert not drawn.failures, [failure.sentence for failure in drawn.failures]
    page = Page(drawn.text)
    assert page.handlers == [] and {tag for tag, _ in page.loads} == {"a"}
    assert EVIL not in drawn.text
    shown = " ".join(page.shown)
    assert not re.search(r"\b(nan|inf|None)\b", shown)
    assert all(0 <= float(value) <= 100 for value in PERCENT.findall(shown))
    for figure in figures_in(page).values():
        assert figure["data"] and figure["alt"]
        for trace in figure["data"]:
            assert len(trace["x"]) == len(trace["y"]) > 0
