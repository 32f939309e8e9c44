"""Counting GPUs: the driver's list, cut as CUDA cuts it, and what torch can use of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compound.jobs.device_model import PROCESS_BYTES, own_bytes
from compound.jobs.gpu.nvml import Card, Driver, Gpu
from compound.jobs.gpu.visible_gpus import Build, Gpus, part_for, sharers, usable, visible
from tests.support.fake_driver import H200, beside_driver, environment

GIB = 2**30
PLAIN = tuple(Card(f"GPU-{name}", "NVIDIA H200", 140 * GIB) for name in ("8f1c", "8f2d", "77aa"))
SLICES = tuple(Gpu(f"MIG-{name}", "NVIDIA A100 MIG", 10 * GIB) for name in ("a1", "a2", "b3"))
DIVIDED = (Card("GPU-d1", "NVIDIA A100", 80 * GIB, SLICES[:2]), Card("GPU-d2", "A", 1, SLICES[2:]))
CUDA, CPU = Build("2.13.0", "12.8"), Build("2.13.0+cpu", None)


@pytest.mark.parametrize(
    ("variable", "left"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("none", []),
        ("void", []),
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("0,9,1", [0]),
        ("0,-1,1", [0]),
        ("0,,1", [0]),
        ("0,1,0", []),
        ("9,9", []),
        ("1gpu2,2ampere", [1, 2]),
        ("+1", [1]),
        ("GPU-8f1c,GPU-77aa", [0, 2]),
        ("GPU-77", [2]),
        ("GPU-8f", []),
        ("GPU-77,GPU-8f,GPU-8f1c", [2]),
        ("GPU-77,0", [2]),
        ("0,GPU-77", [0]),
        ("GPU-77,GPU-77aa", []),
        ("MIG-a1", []),
    ],
)
def test_the_variable_is_read_as_cuda_reads_it(variable: str | None, left: list[int]) -> None:
    assert visible(PLAIN, variable) == tuple(PLAIN[index] for index in left)


@pytest.mark.parametrize(
    ("variable", "left"),
    [
        (None, [0, 1, 2]),
        ("MIG-a2,MIG-b3", [1, 2]),
        ("MIG-a", []),
        ("MIG-a1,MIG-zz,MIG-b3", [0]),
        ("MIG-a1,MIG-a1", []),
        ("0", [0]),
        ("1,0", [2, 0]),
        ("GPU-d2", [2]),
        ("", []),
    ],
)
def test_a_divided_gpu_gives_its_instances(variable: str | None, left: list[int]) -> None:
    assert visible(DIVIDED, variable) == tuple(SLICES[index] for index in left)


def test_instances_and_whole_gpus_are_not_counted_together() -> None:
    assert visible((*PLAIN, *DIVIDED), None) == PLAIN
    assert visible([Card("GPU-e", "A100", 1, ())], None) == (), "divided, and no instance is made"
    assert visible([Card("GPU-e", "A100", 1, ())], "0") == ()


def lacking(driver: Driver | None, build: Build, variable: str | None = None) -> str:
    result = usable(driver, build, variable)
    assert not result.devices
    return result.lacking


def test_why_there_is_no_gpu_is_said() -> None:
    driver = Driver("570.86", 12080, PLAIN)
    assert lacking(None, CPU) == "there is no NVIDIA driver"
    assert (
        lacking(driver, CPU)
        == "there are 3 GPUs (NVIDIA H200), but torch 2.13.0+cpu is a build without CUDA"
    )
    old = lacking(Driver("470.57", 11040, PLAIN), CUDA)
    assert "driver 470.57 is too old: it runs CUDA up to 11.4, and torch 2.13.0 is built" in old
    hidden = lacking(driver, CUDA, "-1")
    assert hidden == "CUDA_VISIBLE_DEVICES is '-1', which names 0 of 3 GPUs"
    broken = Driver("", 0, (), "Driver/library version mismatch")
    assert lacking(broken, CUDA).endswith("finds no GPU: Driver/library version mismatch")


def test_a_driver_of_the_same_major_cuda_is_new_enough() -> None:
    assert usable(Driver("525.60", 12000, PLAIN), CUDA, None) == Gpus(PLAIN)
    part = usable(Driver("525.60", 12000, PLAIN), CUDA, "1,7")
    assert (part.devices, part.types) == (PLAIN[1:2], ("NVIDIA H200",))
    assert part.lacking == "CUDA_VISIBLE_DEVICES is '1,7', which names 1 of 3 GPUs"


def test_parts_of_a_gpu_go_round() -> None:
    for number in range(1, 40):
        assert sharers(part_for(number)) == number


ASK = """
import json
from dataclasses import asdict
from compound.jobs.gpu.nvml import driver
print(json.dumps(asdict(driver()) if driver() else None))
"""


@pytest.mark.parametrize(
    ("gpus", "driver", "cards", "trouble"),
    [
        ([H200, "GPU-2,NVIDIA A100,80,3"], "570.86", ["NVIDIA H200", "NVIDIA A100"], ""),
        ([H200, "GPU-2,lost,80,-1"], "570.86", ["NVIDIA H200"], "GPU 1: GPU is lost"),
        ([H200], "mismatch", [], "Driver/library version mismatch"),
        ([], "570.86", [], ""),
    ],
)
def test_the_driver_is_asked_through_its_library(
    tmp_path: Path, gpus: list[str], driver: str, cards: list[str], trouble: str
) -> None:
    variables = environment(tmp_path, *gpus, driver=driver)
    text = beside_driver(variables, ASK)
    result = json.loads(text)
    assert [card["name"] for card in result["cards"]] == cards
    assert result["trouble"] == trouble
    if len(cards) == 2:
        assert result["cards"][0]["memory"] == 140 * GIB
        assert result["cards"][0]["instances"] is None
        assert [instance["uuid"] for instance in result["cards"][1]["instances"]] == [
            f"MIG-2-{index}" for index in range(3)
        ]


SYSTEM = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("gpus", "devices", "lacking"),
    [
        (["GPU-1,NVIDIA GB10,-3,-1"], [("GPU-1", "NVIDIA GB10", SYSTEM)], ""),
        (["GPU-1,NVIDIA H200,-4,1"], [("MIG-1-0", "NVIDIA H200 MIG", 10 * GIB)], ""),
        (["GPU-1,NVIDIA H200,-4,-1"], [("GPU-1", "NVIDIA H200", None)], ""),
        (["hidden,hidden,140,-1"] * 2, [(f"#{i}", "NVIDIA GPU", 140 * GIB) for i in (0, 1)], ""),
        (["GPU-1,NVIDIA H200,-15,-1"], [], "the NVIDIA driver finds no GPU: GPU 0: GPU is lost"),
        (["GPU-hidden,H200,80,1"], [], "GPU 0: its MIG instance 0 has no UUID to reach it by"),
        (["GPU-1,H200,80,0"], [], "H200 is in MIG mode and has no instances"),
    ],
)
def test_what_a_card_does_not_say_leaves_it_a_card(
    tmp_path: Path, gpus: list[str], devices: list[tuple[str, str, int | None]], lacking: str
) -> None:
    ask = """
import json, os
from dataclasses import asdict
from compound.jobs.gpu.visible_gpus import gpus_here
first = asdict(gpus_here())
os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"[: 2 * len(first["devices"]) - 1] or "0"
print(json.dumps([first, asdict(gpus_here())]))
"""
    variables = environment(tmp_path, *gpus, build="12.8")
    text = beside_driver(variables, ask)
    for answer in json.loads(text):
        read = [(gpu["uuid"], gpu["name"], gpu["memory"]) for gpu in answer["devices"]]
        assert (read, answer["lacking"]) == (devices, lacking)


def test_counting_takes_neither_torch_nor_cuda(tmp_path: Path) -> None:
    check = (
        "import sys; from compound.jobs.gpu.visible_gpus import gpus_here; "
        "gpus_here(); print('torch' in sys.modules)"
    )
    text = subprocess.check_output([sys.executable, "-c", check], text=True)
    assert text.strip() == "False"


RANKS = """
import json, os
from compound.jobs.__main__ import _device, _with_gpus
from compound.jobs.gpu.visible_gpus import VARIABLE
from compound.schemas.errors import ClusterError
from compound.schemas.job import Resources

def shares(workers, gpus):
    resources = _with_gpus(Resources(workers=workers, gpus=gpus), workers)
    try:
        return resources.gpus, [str(_device(resources, rank)) for rank in range(workers)]
    except ClusterError as error:
        return resources.gpus, str(error).splitlines()[0]

cases = [(1, "auto"), (2, "auto"), (3, "auto"), (5, "auto"), (2, 0), (4, 0.5), (2, 0.7), (1, 2)]
print(json.dumps([shares(*case) for case in [*cases, (3, 1)]]))
print(json.dumps(os.environ.get(VARIABLE)))
"""


def ranks(variables: dict[str, str]) -> list:
    text = beside_driver(variables, RANKS)
    return [json.loads(line) for line in text.splitlines()]


def test_ranks_share_the_gpus_of_a_machine(tmp_path: Path) -> None:
    (result, _) = ranks(environment(tmp_path, H200, "GPU-2,NVIDIA H200,140,-1", build="12.8"))
    assert result == [
        [1, ["cuda:0"]],
        [1, ["cuda:0", "cuda:1"]],
        [0.5, ["cuda:0", "cuda:0", "cuda:1"]],
        [0.3333, ["cuda:0", "cuda:0", "cuda:0", "cuda:1", "cuda:1"]],
        [0, ["cpu", "cpu"]],
        [0.5, ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]],
        [0.7, ["cuda:0", "cuda:1"]],
        [2, ["cuda:0"]],
        [1, "worker 2 of this machine needs 1 GPU, and there are 2"],
    ]


def test_a_rank_reaches_its_instance_by_uuid(tmp_path: Path) -> None:
    variables = environment(tmp_path, "GPU-2,NVIDIA A100,80,2", build="12.8")
    result, variable = ranks(variables | {"CUDA_VISIBLE_DEVICES": "MIG-2-1"})
    assert result[0] == [1, ["cuda:0"]]
    assert variable == "MIG-2-1"


def test_a_fraction_holds_a_context_too() -> None:
    assert own_bytes(8 * GIB, 1) == own_bytes(8 * GIB, 2) == 8 * GIB
    assert own_bytes(8 * GIB, 0.25) == 2 * GIB - PROCESS_BYTES
    assert own_bytes(GIB, 0.1) == 0
