"""Which workers of a group are stalled, and how an interruption is described. Without a cluster."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ray.exceptions import ActorDiedError
from ray.train import WorkerGroupError

from compound.cluster.worker_group.heartbeat import (
    SILENT_S,
    Heartbeat,
    HeartbeatMonitor,
    StalledWorker,
)
from compound.cluster.worker_group.interruption import GroupState, classify_interruption
from compound.jobs.parallel.thread_progress import ThreadProgress
from tests.support.forked import run_forked


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def beat(rank: int, steps: int = 1, *, waits: bool = False, trace: int = 0) -> Heartbeat:
    host = f"10.0.0.{rank + 1}"
    return Heartbeat(
        rank, host, f"node{rank}", 100 + rank, steps, "batches.py:7, in load", trace, waits
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monitor(clock: Clock) -> HeartbeatMonitor:
    monitor = HeartbeatMonitor(clock)
    monitor.begin(1)
    return monitor


def repeat(monitor: HeartbeatMonitor, clock: Clock, until: float, *beats: Heartbeat) -> None:
    """Let workers send the same heartbeats again and again."""
    while clock.now < until:
        clock.now += 2
        for beat in beats:
            monitor.record(1, beat)


def test_a_worker_that_falls_silent_is_stalled_and_the_others_are_not(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    repeat(monitor, clock, 10, beat(0), beat(1))
    repeat(monitor, clock, 10 + SILENT_S, beat(0))
    assert monitor.stalled(600) == ()
    repeat(monitor, clock, 12 + SILENT_S, beat(0))
    (worker,) = monitor.stalled(600)
    assert (worker.beat.rank, worker.why) == (1, "has sent no heartbeat for 22 s")


def test_when_all_fall_silent_the_listener_may_have_slept(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    repeat(monitor, clock, 10, beat(0), beat(1))
    clock.now += 2 * SILENT_S
    assert monitor.stalled(600) == ()
    clock.now += 2 * SILENT_S
    assert {worker.beat.rank for worker in monitor.stalled(600)} == {0, 1}


def test_of_a_job_that_stands_still_the_one_that_does_not_wait_hangs(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    stuck = [beat(0, 7, waits=True), beat(1, 7), beat(2, 7, waits=True)]
    repeat(monitor, clock, 60, *stuck)
    assert monitor.stalled(60) == ()
    repeat(monitor, clock, 70, *stuck)
    (worker,) = monitor.stalled(60)
    assert worker.beat.name == "worker 1 on 10.0.0.2 (pid 101)"
    assert worker.why == "hangs: no progress for 68 s, at batches.py:7, in load"


def test_where_all_wait_the_one_that_came_least_far_hangs(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    repeat(monitor, clock, 100, *(beat(rank, 9 - rank, waits=True) for rank in range(3)))
    assert [worker.beat.rank for worker in monitor.stalled(60)] == [2]


def test_victims_that_wait_in_a_copy_are_told_by_the_collectives_that_they_have_begun(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    """Over NCCL nobody stands in a collective, and victims run ahead of whom they wait for."""
    stuck = [replace(beat(rank, 9), collectives=40) for rank in range(3)]
    stuck[1] = replace(stuck[1], steps=12, collectives=44)
    stuck[2] = replace(stuck[2], steps=9, collectives=39)
    repeat(monitor, clock, 100, *stuck)
    assert [worker.beat.rank for worker in monitor.stalled(60)] == [2]


def test_a_victim_with_fewer_batches_is_not_stalled(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    """Validation images do not divide evenly: who has fewer waits at their end."""
    done, hangs = beat(0, 5), beat(1, 6)
    repeat(monitor, clock, 100, replace(done, collectives=41), replace(hangs, collectives=40))
    assert [worker.beat.rank for worker in monitor.stalled(60)] == [1]


RANKS = """
import json, os, sys, threading, time
import torch
from torch import distributed
from compound.jobs.parallel.thread_progress import ThreadProgress

distributed.init_process_group("gloo")
rank, pulse = distributed.get_rank(), ThreadProgress()

def copies():
    time.sleep(60)  # as a copy from the device does, until the collective before it is done

def tell():
    time.sleep(2)
    now = pulse.read()
    state = [rank, now.steps, now.location, now.waits, now.collectives]
    os.write(1, (json.dumps(state) + "\\n").encode())  # one write: ranks share the pipe
    time.sleep(2)
    os._exit(0)

threading.Thread(target=tell).start()
distributed.all_reduce(torch.ones(1))
pulse.beat()
if rank == 1:
    time.sleep(60)  # hangs in its own code
work = distributed.all_reduce(torch.ones(1), async_op=True)
pulse.beat() if rank == 2 else None
copies()
"""


def test_real_processes_of_which_one_hangs(
    tmp_path: Path, monitor: HeartbeatMonitor, clock: Clock
) -> None:
    (tmp_path / "ranks.py").write_text(RANKS)
    ran = run_forked(str(tmp_path / "ranks.py"), ranks=3)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == 3, ran.stderr
    beats = [
        Heartbeat(rank, "host", "node", 0, steps, position, 0, waits, collectives)
        for rank, steps, position, waits, collectives in lines
    ]
    assert not any(beat.waits for beat in beats)
    repeat(monitor, clock, 100, *beats)
    (worker,) = monitor.stalled(60)
    assert worker.beat.rank == 1
    assert "ranks.py" in worker.why


def test_preparing_the_first_batch_is_progress_and_an_endless_loop_later_is_not(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    for step in range(100):
        repeat(monitor, clock, clock.now + 2, beat(0, 0, trace=step))
    assert monitor.stalled(60) == ()
    for step in range(100):
        repeat(monitor, clock, clock.now + 2, beat(0, 5, trace=step))
    assert [worker.beat.rank for worker in monitor.stalled(60)] == [0]


def test_idle_time_and_new_workers_start_the_wait_anew(
    monitor: HeartbeatMonitor, clock: Clock
) -> None:
    repeat(monitor, clock, 100, beat(0), beat(1))
    monitor.mark_idle()
    assert monitor.stalled(60) == ()
    monitor.begin(2)
    monitor.record(1, beat(0))
    assert monitor.beats == ()


def test_a_pulse_tells_where_its_thread_is_and_whether_it_moves() -> None:
    ready, free, made = threading.Event(), threading.Event(), list[ThreadProgress]()

    def sleep_on() -> None:
        made.append(ThreadProgress())
        ready.set()
        free.wait(30)

    thread = threading.Thread(target=sleep_on)
    thread.start()
    ready.wait(30)
    time.sleep(0.1)
    first, second = made[0].read(), made[0].read()
    free.set()
    thread.join()
    assert first == second
    assert "threading.py" in first.location
    assert not first.waits
    made[0].beat()
    assert made[0].read().steps == 1


def group_state(
    *stalled: StalledWorker, draining: tuple[str, ...] = (), gone: tuple[str, ...] = ()
) -> GroupState:
    return GroupState([beat(0), beat(1), beat(2)], stalled, draining, gone)


def died(*ranks: int) -> WorkerGroupError:
    failures = {rank: ActorDiedError() for rank in ranks}
    return WorkerGroupError("two workers", {**failures, 0: RuntimeError("Connection closed")})


def test_an_interruption_names_hosts_before_workers_and_causes_before_consequences() -> None:
    assert (
        classify_interruption(died(1), group_state()).text == "worker 1 on 10.0.0.2 (pid 101) died"
    )
    cut = classify_interruption(died(1, 2), group_state(gone=("node1",)))
    assert cut.text == ("host 10.0.0.2 with worker 1 was lost; worker 2 on 10.0.0.3 (pid 102) died")
    hung = classify_interruption(
        died(2), group_state(StalledWorker(beat(2), "hangs: no progress for 61 s, at x.py:1, in f"))
    )
    assert hung.kind == "worker lost"
    assert hung.text.startswith("worker 2 on 10.0.0.3 (pid 102) hangs: no progress for 61 s")
    away = classify_interruption(died(1), group_state(draining=("node1",), gone=("node1",)))
    assert (away.kind, away.text) == ("preempted", "host 10.0.0.2 with worker 1 was taken away")
