"""Lines of progress: parts drop where a terminal is narrow, and no number is ever cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.timeline.job_progress import JobProgress
from compound.orchestrator.timeline.study_progress import (
    StudyProgress,
    end_line,
    job_lines,
    log_line,
    study_lines,
)
from compound.orchestrator.timeline.time_left import TimeLeft

NUMBER = re.compile(r"\d[\d.,]*\d|\d")


def running(
    label: str, epoch: int = 3, epochs: int = 12, speed: float | None = 1234.4
) -> JobProgress:
    accuracy = 0.875 if epoch else None
    times = {"epoch_seconds": 2.0, "since": 1.0, "updated": 2.0, "attempt": 1}
    named = {"job": label, "label": label, "network": label, "phase": "search"}
    return JobProgress(
        **named, epoch=epoch, epochs=epochs, images_per_second=speed, accuracy=accuracy, **times
    )


JOBS = [running("d1.00-w1.40-r8-s0"), running("phi2-d1.00-w1.97-r8-s1", 0, 12, None)]
STUDY = StudyProgress(
    "search",
    jobs=1_200,
    done=1_012,
    failed=3,
    running=JOBS,
    waiting=183,
    why="for 2 x 1 CPU: the cluster holds 2 of these jobs at a time",
    best=0.9514,
    left=TimeLeft(480, 720),
    spent="0.31 of 2 GPU-hours (16 %), 12.5 units of money",
)


def test_a_wide_terminal_shows_all() -> None:
    assert job_lines(JOBS, 80, 9) == [
        "d1.00-w1.40-r8-s0       epoch  3 of 12  1,234 images/s  accuracy 87.5 %",
        "phi2-d1.00-w1.97-r8-s1  epoch  0 of 12",
    ]
    assert len(study_lines(STUDY, 120)) == 2


def test_at_80_and_at_40_columns_parts_drop() -> None:
    assert study_lines(STUDY, 79) == [
        "search: 1,012 of 1,200 done, 3 failed, 2 running, 183 waiting, best 95.1 %,",
        "  8 to 12 min left",
    ]
    assert study_lines(STUDY, 39) == [
        "search: 1,012 of 1,200 done, 3 failed,",
        "  2 running, 183 waiting, best 95.1 %,",
        "  8 to 12 min left",
    ]
    assert job_lines(JOBS, 39, 9) == [
        "d1.00-w1.40-r8-s0        3/12  87.5 %",
        "phi2-d1.00-w1.97-r8-s1   0/12",
    ]


def test_jobs_that_do_not_fit_are_counted() -> None:
    jobs = [running(f"job-{number}") for number in range(20)]
    lines = job_lines(jobs, 79, 5)
    assert len(lines) == 5 and lines[-1] == "and 16 more jobs"
    assert job_lines(jobs, 79, 0) == [] and len(job_lines(jobs, 79, 20)) == 20


@given(st.integers(20, 160), st.integers(0, 6), st.floats(0, 1), st.integers(0, 10**7))
def test_no_number_is_cut_at_any_width(width: int, jobs: int, best: float, done: int) -> None:
    study = STUDY._replace(running=JOBS * jobs, best=best, done=done)
    whole = {*NUMBER.findall(log_line(study)), *NUMBER.findall(" ".join(job_lines(JOBS, 160, 9)))}
    whole |= {*NUMBER.findall(" ".join(study_lines(study, 1_000)))}
    lines = [*study_lines(study, width), *job_lines(study.running, width, 9)]
    shown = {number for line in lines for number in NUMBER.findall(line)}
    assert shown <= {*whole, str(len(JOBS) * jobs), *"0123456789", "12"}


def test_a_log_has_the_same_numbers_in_one_line() -> None:
    line = log_line(STUDY)
    assert line.startswith("search: 1,012 of 1,200 done, 3 failed, 2 running, 183 waiting for 2 x")
    assert "best 95.1 %, 8 to 12 min left" in line and "spent so far 0.31 of 2 GPU-hours" in line
    assert line.endswith("; d1.00-w1.40-r8-s0 epoch 3 of 12 1,234 images/s accuracy 87.5 %")
    assert "8 to 12 min left, then family, spent" in log_line(STUDY._replace(then="then family"))
    assert "time left unknown yet" in log_line(STUDY._replace(left=None))


@pytest.mark.parametrize(
    ("done", "failed", "text"),
    [
        (7, 0, "search: 7 jobs done in 9 s"),
        (5, 2, "search: 5 jobs done, 2 failed in 9 s"),
        (5, 0, "search: 5 of 7 jobs done in 9 s"),
    ],
)
def test_a_phase_ends_with_its_total(done: int, failed: int, text: str) -> None:
    study = STUDY._replace(jobs=7, done=done, failed=failed, best=None, spent="")
    assert end_line(study, "9 s") == text
