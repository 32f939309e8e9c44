"""Who of a group is to be given up, who pays for it, and how it is told. Without a cluster."""

import threading
import time

import pytest
from ray.exceptions import ActorDiedError
from ray.train import WorkerGroupError

from cluster.budget import Forgiveness
from cluster.setback import Scene, setback
from cluster.vigil import SILENT_S, Beat, Suspect, Vigil
from jobs.training.pulse import Pulse


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def beat(rank: int, steps: int = 1, *, waits: bool = False, trace: int = 0) -> Beat:
    host = f"10.0.0.{rank + 1}"
    return Beat(rank, host, f"node{rank}", 100 + rank, steps, "batches.py:7, in load", trace, waits)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vigil(clock: Clock) -> Vigil:
    vigil = Vigil(clock)
    vigil.begin(1)
    return vigil


def hear(vigil: Vigil, clock: Clock, until: float, *beats: Beat) -> None:
    """Let workers say the same again and again."""
    while clock.now < until:
        clock.now += 2
        for one in beats:
            vigil.hear(1, one)


def test_a_worker_that_falls_silent_is_suspected_and_the_others_are_not(
    vigil: Vigil, clock: Clock
) -> None:
    hear(vigil, clock, 10, beat(0), beat(1))
    hear(vigil, clock, 10 + SILENT_S, beat(0))
    assert vigil.suspects(600) == ()
    hear(vigil, clock, 12 + SILENT_S, beat(0))
    (found,) = vigil.suspects(600)
    assert (found.beat.rank, found.why) == (1, "has given no sign of life for 22 s")


def test_when_all_fall_silent_the_listener_may_have_slept(vigil: Vigil, clock: Clock) -> None:
    hear(vigil, clock, 10, beat(0), beat(1))
    clock.now += 2 * SILENT_S
    assert vigil.suspects(600) == ()
    clock.now += 2 * SILENT_S
    assert {one.beat.rank for one in vigil.suspects(600)} == {0, 1}


def test_of_a_job_that_stands_still_the_one_that_does_not_wait_hangs(
    vigil: Vigil, clock: Clock
) -> None:
    stuck = [beat(0, 7, waits=True), beat(1, 7), beat(2, 7, waits=True)]
    hear(vigil, clock, 60, *stuck)
    assert vigil.suspects(60) == ()
    hear(vigil, clock, 70, *stuck)
    (found,) = vigil.suspects(60)
    assert found.beat.name == "worker 1 on 10.0.0.2 (pid 101)"
    assert found.why == "hangs: no progress for 68 s, at batches.py:7, in load"


def test_where_all_wait_the_one_that_came_least_far_hangs(vigil: Vigil, clock: Clock) -> None:
    hear(vigil, clock, 100, *(beat(rank, 9 - rank, waits=True) for rank in range(3)))
    assert [one.beat.rank for one in vigil.suspects(60)] == [2]


def test_preparing_the_first_batch_is_progress_and_an_endless_loop_later_is_not(
    vigil: Vigil, clock: Clock
) -> None:
    for step in range(100):
        hear(vigil, clock, clock.now + 2, beat(0, 0, trace=step))
    assert vigil.suspects(60) == ()
    for step in range(100):
        hear(vigil, clock, clock.now + 2, beat(0, 5, trace=step))
    assert [one.beat.rank for one in vigil.suspects(60)] == [0]


def test_rest_and_a_new_group_start_the_wait_anew(vigil: Vigil, clock: Clock) -> None:
    hear(vigil, clock, 100, beat(0), beat(1))
    vigil.rest()
    assert vigil.suspects(60) == ()
    vigil.begin(2)
    vigil.hear(1, beat(0))
    assert vigil.beats == ()


def test_a_pulse_tells_where_its_thread_is_and_whether_it_moves() -> None:
    ready, free, made = threading.Event(), threading.Event(), list[Pulse]()

    def sleep_on() -> None:
        made.append(Pulse())
        ready.set()
        free.wait(30)

    thread = threading.Thread(target=sleep_on)
    thread.start()
    ready.wait(30)
    time.sleep(0.1)
    one, other = made[0].read(), made[0].read()
    free.set()
    thread.join()
    assert one == other
    assert "threading.py" in one.place
    assert not one.waits
    made[0].beat()
    assert made[0].read().steps == 1


def scene(*suspects: Suspect, draining: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> Scene:
    return Scene([beat(0), beat(1), beat(2)], suspects, draining, gone)


def died(*ranks: int) -> WorkerGroupError:
    failures = {rank: ActorDiedError() for rank in ranks}
    return WorkerGroupError("two workers", {**failures, 0: RuntimeError("Connection closed")})


def test_a_setback_names_hosts_before_workers_and_causes_before_consequences() -> None:
    assert setback(died(1), scene()).text == "worker 1 on 10.0.0.2 (pid 101) died"
    cut = setback(died(1, 2), scene(gone=("node1",)))
    assert cut.text == ("host 10.0.0.2 with worker 1 was lost; worker 2 on 10.0.0.3 (pid 102) died")
    hung = setback(died(2), scene(Suspect(beat(2), "hangs: no progress for 61 s, at x.py:1, in f")))
    assert hung.kind == "worker lost"
    assert hung.text.startswith("worker 2 on 10.0.0.3 (pid 102) hangs: no progress for 61 s")
    away = setback(died(1), scene(draining=("node1",), gone=("node1",)))
    assert (away.kind, away.text) == ("preempted", "host 10.0.0.2 with worker 1 was taken away")


def test_setbacks_are_forgiven_each_within_its_budget() -> None:
    forgiven = Forgiveness({"worker lost": 2, "preempted": 1})
    assert "(preemption 1, 1 are forgiven)" in forgiven.count("preempted", "host a was taken away")
    assert forgiven.count("worker lost", "worker 1 died").startswith("worker 1 died (lost worker 1")
    forgiven.count("worker lost", "worker 0 died")
    assert forgiven.cause() is None
    forgiven.count("worker lost", "host b was lost")
    cause = forgiven.cause()
    assert cause is not None
    assert cause.kind == "worker lost"
    assert cause.message == (
        "given up after 1 preemption and 3 lost workers; the last: host b was lost"
    )
