"""Who of a group is to be given up, who pays for it, and how it is told. Without a cluster."""

import json
import os
import subprocess
import sys
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
def vigil(clock: Clock) -> HeartbeatMonitor:
    vigil = HeartbeatMonitor(clock)
    vigil.begin(1)
    return vigil


def hear(vigil: HeartbeatMonitor, clock: Clock, until: float, *beats: Heartbeat) -> None:
    """Let workers say the same again and again."""
    while clock.now < until:
        clock.now += 2
        for one in beats:
            vigil.hear(1, one)


def test_a_worker_that_falls_silent_is_suspected_and_the_others_are_not(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    hear(vigil, clock, 10, beat(0), beat(1))
    hear(vigil, clock, 10 + SILENT_S, beat(0))
    assert vigil.suspects(600) == ()
    hear(vigil, clock, 12 + SILENT_S, beat(0))
    (found,) = vigil.suspects(600)
    assert (found.beat.rank, found.why) == (1, "has given no sign of life for 22 s")


def test_when_all_fall_silent_the_listener_may_have_slept(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    hear(vigil, clock, 10, beat(0), beat(1))
    clock.now += 2 * SILENT_S
    assert vigil.suspects(600) == ()
    clock.now += 2 * SILENT_S
    assert {one.beat.rank for one in vigil.suspects(600)} == {0, 1}


def test_of_a_job_that_stands_still_the_one_that_does_not_wait_hangs(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    stuck = [beat(0, 7, waits=True), beat(1, 7), beat(2, 7, waits=True)]
    hear(vigil, clock, 60, *stuck)
    assert vigil.suspects(60) == ()
    hear(vigil, clock, 70, *stuck)
    (found,) = vigil.suspects(60)
    assert found.beat.name == "worker 1 on 10.0.0.2 (pid 101)"
    assert found.why == "hangs: no progress for 68 s, at batches.py:7, in load"


def test_where_all_wait_the_one_that_came_least_far_hangs(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    hear(vigil, clock, 100, *(beat(rank, 9 - rank, waits=True) for rank in range(3)))
    assert [one.beat.rank for one in vigil.suspects(60)] == [2]


def test_victims_that_wait_in_a_copy_are_told_by_the_collectives_that_they_have_begun(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    """Over NCCL nobody stands in a collective, and victims run ahead of whom they wait for."""
    stuck = [replace(beat(rank, 9), collectives=40) for rank in range(3)]
    stuck[1] = replace(stuck[1], steps=12, collectives=44)
    stuck[2] = replace(stuck[2], steps=9, collectives=39)
    hear(vigil, clock, 100, *stuck)
    assert [one.beat.rank for one in vigil.suspects(60)] == [2]


def test_a_victim_with_fewer_batches_is_no_suspect(vigil: HeartbeatMonitor, clock: Clock) -> None:
    """Validation images do not divide evenly: who has fewer waits at their end."""
    done, hangs = beat(0, 5), beat(1, 6)
    hear(vigil, clock, 100, replace(done, collectives=41), replace(hangs, collectives=40))
    assert [one.beat.rank for one in vigil.suspects(60)] == [1]


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
    print(json.dumps([rank, now.steps, now.place, now.waits, now.collectives]), flush=True)
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
    tmp_path: Path, vigil: HeartbeatMonitor, clock: Clock
) -> None:
    (tmp_path / "ranks.py").write_text(RANKS)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", "3", str(tmp_path / "ranks.py")]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    told = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")]
    assert len(told) == 3, ran.stderr
    beats = [
        Heartbeat(rank, "host", "node", 0, steps, place, 0, waits, collectives)
        for rank, steps, place, waits, collectives in told
    ]
    assert not any(one.waits for one in beats)
    hear(vigil, clock, 100, *beats)
    (found,) = vigil.suspects(60)
    assert found.beat.rank == 1
    assert "ranks.py" in found.why


def test_preparing_the_first_batch_is_progress_and_an_endless_loop_later_is_not(
    vigil: HeartbeatMonitor, clock: Clock
) -> None:
    for step in range(100):
        hear(vigil, clock, clock.now + 2, beat(0, 0, trace=step))
    assert vigil.suspects(60) == ()
    for step in range(100):
        hear(vigil, clock, clock.now + 2, beat(0, 5, trace=step))
    assert [one.beat.rank for one in vigil.suspects(60)] == [0]


def test_rest_and_a_new_group_start_the_wait_anew(vigil: HeartbeatMonitor, clock: Clock) -> None:
    hear(vigil, clock, 100, beat(0), beat(1))
    vigil.rest()
    assert vigil.suspects(60) == ()
    vigil.begin(2)
    vigil.hear(1, beat(0))
    assert vigil.beats == ()


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
    one, other = made[0].read(), made[0].read()
    free.set()
    thread.join()
    assert one == other
    assert "threading.py" in one.place
    assert not one.waits
    made[0].beat()
    assert made[0].read().steps == 1


def scene(
    *suspects: StalledWorker, draining: tuple[str, ...] = (), gone: tuple[str, ...] = ()
) -> GroupState:
    return GroupState([beat(0), beat(1), beat(2)], suspects, draining, gone)


def died(*ranks: int) -> WorkerGroupError:
    failures = {rank: ActorDiedError() for rank in ranks}
    return WorkerGroupError("two workers", {**failures, 0: RuntimeError("Connection closed")})


def test_a_setback_names_hosts_before_workers_and_causes_before_consequences() -> None:
    assert classify_interruption(died(1), scene()).text == "worker 1 on 10.0.0.2 (pid 101) died"
    cut = classify_interruption(died(1, 2), scene(gone=("node1",)))
    assert cut.text == ("host 10.0.0.2 with worker 1 was lost; worker 2 on 10.0.0.3 (pid 102) died")
    hung = classify_interruption(
        died(2), scene(StalledWorker(beat(2), "hangs: no progress for 61 s, at x.py:1, in f"))
    )
    assert hung.kind == "worker lost"
    assert hung.text.startswith("worker 2 on 10.0.0.3 (pid 102) hangs: no progress for 61 s")
    away = classify_interruption(died(1), scene(draining=("node1",), gone=("node1",)))
    assert (away.kind, away.text) == ("preempted", "host 10.0.0.2 with worker 1 was taken away")
