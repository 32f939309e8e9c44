"""Fractions of GPUs: the arithmetic against what a real Ray packs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import product

import pytest

from compound.cluster.resources import Node, at_once, capacity, mixed, on_gpus, share
from compound.schemas.job import Resources
from tests.support.back_ends import LONG

FRACTIONS = [round(0.1 + 0.05 * step, 2) for step in range(19)]
"""From 0.1 to 1 in steps of 0.05."""
ODD = [0.07, 1 / 3, 0.3333, 1 / 7, 0.1428, 0.33334, 0.33336, 0.14287, 0.99996, 2.0, 3.0, 5.0]
"""Where rounding decides, and whole numbers above 1."""
CARDS = range(1, 9) if LONG else (1, 8)

PACKS = """
import json, sys, time
import ray
from ray.util.placement_group import (
    placement_group, placement_group_table, remove_placement_group
)

folder, table = sys.argv[1], json.loads(sys.argv[2])
ray.init(
    address="local", num_cpus=1, num_gpus=8, include_dashboard=False, log_to_driver=False,
    object_store_memory=80 * 2**20, _temp_dir=folder,
    _system_config={"raylet_report_resources_period_milliseconds": 5},
)

def reserve(*bundles, seconds=10):
    group = placement_group([dict(one) for one in bundles])
    return group, group.wait(seconds)

wrong = []
for size, cards, workers in table:
    away, free = reserve(*[{"GPU": 1}] * (8 - cards)) if cards < 8 else (None, True)
    full, fits = reserve(*[{"GPU": size}] * workers) if workers else (None, True)
    # Ray takes groups in their order: when the last is up, the one before is up, or was tried.
    more = placement_group([{"GPU": size}])
    last, _ = reserve({"CPU": 1}, seconds=30)
    over = fits and placement_group_table(more)["state"] == "CREATED"
    if not (free and fits) or over:
        wrong.append((size, cards, workers, fits, over))
    for group in (away, full, more, last):
        if group is not None:
            remove_placement_group(group)
    time.sleep(0.03)  # the scheduler hears of what is free again
print(json.dumps(wrong))
"""


def gpu(cards: float) -> list[Node]:
    return [Node(cpus=100_000, gpus=cards, host="")]


def test_a_fraction_lies_on_one_gpu() -> None:
    assert capacity(Resources(gpus=0.3), gpu(8)) == 24
    assert capacity(Resources(gpus=0.7), gpu(8)) == 8
    assert capacity(Resources(gpus=0.1), gpu(1)) == 10
    assert capacity(Resources(gpus=1 / 7), gpu(1)) == 7, "Ray cuts off what it does not count"
    assert capacity(Resources(gpus=3), gpu(8)) == 2
    assert at_once(Resources(workers=5, gpus=0.3), gpu(8)) == 4


def shared(cards: float, **resources: object) -> tuple[float, str]:
    """What `auto` comes to on hosts of so many GPUs."""
    decided = share(Resources.model_validate(resources), gpu(cards))
    return decided.gpus, decided.why


def test_auto_shares_the_gpus_so_that_the_job_fits() -> None:
    assert shared(1, workers=2) == (0.5, "auto: 2 workers on 1 GPU, so 2 share one")
    assert shared(2, workers=2) == (1, "auto: one GPU per worker")
    assert shared(8, workers=1) == (1, "auto: one GPU per worker")
    assert shared(1, workers=3) == (0.3333, "auto: 3 workers on 1 GPU, so 3 share one")
    assert shared(1, workers=7)[0] == 0.1428
    assert shared(2, workers=8)[0] == 0.25
    assert shared(3, workers=4)[0] == 0.5
    assert shared(1, workers={"min": 2, "max": 8})[0] == 0.5, "an elastic job fits with its least"
    assert shared(0, workers=2) == (0, "auto: no host has a GPU")
    for workers in range(1, 17):
        size = shared(1, workers=workers)[0]
        assert capacity(Resources(workers=workers, gpus=size), gpu(1)) >= workers


def test_auto_leaves_a_gpu_whole_where_sharing_helps_nobody() -> None:
    few = [Node(cpus=1, gpus=1, host="")]
    none = "auto: one GPU per worker, and no fraction fits: "
    why = "at most 16 workers share one: each has a CUDA context of its own there"
    assert shared(1, workers=17) == (1, none + why)
    why = "parallel: full divides a network among whole GPUs"
    assert shared(1, workers=2, parallel="full") == (1, none + why)
    decided = share(Resources(workers=2), few)
    assert (decided.gpus, decided.why) == (1, f"{none}the hosts have too few CPUs")


def test_auto_waits_for_what_an_autoscaler_may_add() -> None:
    limit = Node(cpus=64, gpus=8, host="autoscaler")
    assert share(Resources(workers=4), gpu(0), limit).gpus == 1
    assert share(Resources(workers=4), gpu(1), limit).gpus == 1


def test_auto_says_why_there_is_no_gpu() -> None:
    node = Node(cpus=2, gpus=0, host="", lacking="CUDA_VISIBLE_DEVICES is empty")
    assert share(Resources(), [node]).why == "auto: CUDA_VISIBLE_DEVICES is empty"


def test_gpus_of_several_kinds_are_told_of() -> None:
    kinds = [Node(8, 2, "one", ("A100",)), Node(8, 2, "two", ("H100",))]
    assert "2 kinds (A100, H100)" in mixed(Resources(workers=2, gpus=1), kinds)
    assert not mixed(Resources(workers=1, gpus=1), kinds)
    assert not mixed(Resources(workers=2, gpus=0), kinds)
    assert not mixed(Resources(workers=2, gpus=1), kinds[:1] * 2)


@pytest.mark.ray
def test_capacity_is_what_a_real_ray_packs() -> None:
    cases = [*product(FRACTIONS, CARDS), *product(ODD, (1, 3, 8))]
    table = [(size, cards, on_gpus(cards, size)) for size, cards in cases]
    wrong = [(0.3, 8, 23), (0.95, 1, 0), (0.3, 8, 26)]
    folder = tempfile.mkdtemp(prefix="pack-", dir="/tmp")  # Ray's sockets want a short path
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", PACKS, folder, json.dumps(table + wrong)],
        env={**environment, "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    shutil.rmtree(folder, ignore_errors=True)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    expected = [(True, True), (True, True), (False, False)]
    assert answers == [[*case, *pair] for case, pair in zip(wrong, expected, strict=True)]
