"""Parallel strategies: a table for planning, a file each for training, a key in specs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from compound.jobs.parallel.data_parallel import DataParallel
from compound.jobs.parallel.fully_sharded import FullySharded
from compound.jobs.parallel.process import Process
from compound.jobs.parallel.strategy import strategy_of
from compound.jobs.parallel.strategy_table import STRATEGIES
from compound.orchestrator.spec.load import load
from compound.schemas.errors import SpecError
from compound.schemas.job import Resources
from compound.schemas.parallel import Parallel
from compound.schemas.recipe import Recipe

CPU = torch.device("cpu")
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(("parallel", "kind"), [("none", DataParallel), ("full", FullySharded)])
def test_each_row_names_the_file_of_its_strategy(parallel: Parallel, kind: type) -> None:
    assert type(strategy_of(Process(0, 2, CPU, 1, parallel=parallel))) is kind
    assert type(strategy_of(Process(0, 1, CPU, 1, parallel=parallel))) is DataParallel


def test_the_table_needs_no_torch() -> None:
    code = (
        "import sys, compound.jobs.parallel.strategy_table, compound.cluster.resources;"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_planning_needs_of_each_strategy() -> None:
    whole, divided = STRATEGIES["none"], STRATEGIES["full"]
    assert (whole.parts(4), divided.parts(4)) == (1, 4)
    assert (whole.sent(2), divided.sent(2)) == (1, 3)
    whole.check(Recipe(compile=True))


def test_a_lone_rank_trains_its_network_as_it_is() -> None:
    process, network, strategy = Process(0, 1, CPU, 1), nn.Linear(2, 2), DataParallel()
    assert strategy.wrap(network, Recipe(), process) is network
    with strategy.unsynchronised(network, process):
        pass


def test_the_old_key_is_read_and_still_written() -> None:
    new = Resources(workers=2, parallel="full")
    assert Resources.model_validate({"workers": 2, "sharding": "full"}) == new
    assert Resources.model_validate({"workers": 2, "parallel": "full"}) == new
    assert Resources.model_validate_json(new.model_dump_json()) == new
    assert '"decode_cpus":0,"sharding":"full"}' in new.model_dump_json()
    assert Resources().model_dump()["sharding"] == "none"


def test_a_spec_with_both_keys_is_refused_by_both_names() -> None:
    family = "resources.family={workers: 2, parallel: full, sharding: full}"
    with pytest.raises(SpecError, match=r"parallel and sharding .* set parallel"):
        load(EXAMPLES / "digits.yaml", (family,))
    with pytest.raises(SpecError, match="no such sharding: 'half'"):
        load(EXAMPLES / "digits.yaml", ("resources.family.sharding=half",))
