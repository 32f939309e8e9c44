"""Which jobs wait, in lines that fit a terminal."""

import time

from compound.orchestrator.cli.printing.waiting_lines import (
    clock_warning,
    since_text,
    waiting_lines,
)
from compound.orchestrator.timeline.job_standing import Standing
from compound.schemas.job import Event

NOON = time.mktime((2026, 11, 30, 12, 0, 0, 0, 0, -1))
LOST = (
    "host 10.77.0.3 with worker 1 was lost (worker lost: retry 1 of 3); "
    "continues from the last checkpoint"
)


def test_each_wait_is_told_with_its_begin_in_80_columns() -> None:
    jobs = [
        ("phi1-d1.10-w1.10-r16-s0", Standing("waiting", NOON - 180, LOST)),
        ("other", Standing("running")),
        ("third", Standing("retrying", NOON - 60, "ValueError: x (error: retry 1 of 2)")),
    ]
    assert waiting_lines(jobs, NOON) == [
        "waiting for workers since 11:57 (3 min): phi1-d1.10-w1.10-r16-s0",
        "  host 10.77.0.3 with worker 1 was lost (worker lost: retry 1 of 3); continues",
        "  from the last checkpoint",
        "retrying since 11:59 (60 s): third",
        "  ValueError: x (error: retry 1 of 2)",
    ]
    assert all(len(line) <= 80 for line in waiting_lines(jobs, NOON))


def test_the_longest_waits_come_first_and_the_rest_is_counted() -> None:
    jobs = [(f"j{n}", Standing("waiting", NOON - n, "for 1 CPU")) for n in range(10)]
    lines = waiting_lines(jobs, NOON)
    assert [line.rpartition(": ")[2] for line in lines[:-1:2]] == ["j9", "j8", "j7"]
    assert lines[-1] == "waiting or retrying: 7 more jobs"


def test_times_of_other_days_and_of_clocks_that_are_ahead() -> None:
    assert since_text(NOON - 24 * 3600, NOON) == "2026-11-29 12:00 (24.0 h)"
    ahead = since_text(NOON + 5, NOON)
    assert ahead == "12:00 by the driver's clock, which is ahead of this one"


def test_clocks_that_disagree_are_told() -> None:
    def told(*times: float) -> list[Event]:
        return [Event(kind="started", job="a", wall_time=time) for time in times]

    assert clock_warning(told(5, 9)) == clock_warning(told(5, 4.5)) == clock_warning([]) == ""
    warning = "warning: the clocks of hosts differ by 3 s or more: docs/explanation/protocol.md"
    assert clock_warning(told(5, 2)) == warning
