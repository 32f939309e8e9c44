"""Steps of B0 beside a plain loop on the same network, and on timm's of the same name."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.models.build import build
from compound.schemas.job import TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import (
    Bench,
    Step,
    in_turns,
    job_of,
    named,
    steps_of,
    trainer_of,
)

NAME = "efficientnet-b0"
CLASSES = 1000


def measure(bench: Bench, recorder: Recorder) -> None:
    """Time sides in turns, where kernels bind the step and where launches do."""
    for side, batch, steps in sizes(bench):
        sides = _sides(bench, recorder, side, batch)
        times = in_turns(bench, sides, bench.pick(4, 2), steps)
        at = f"{side} px x {batch}"
        rates = {name: batch / seconds for name, seconds in times.items()}
        recorder.tell(f"{at}: images/s", rates)
        peer = "timm" if "timm, NCHW" in rates else "plain"
        for layout, goal in (("NCHW", 1.6), ("NHWC", 1.2)):
            ratio = rates["compound"] / rates[f"{peer}, {layout}"]
            right = bench.judged(ratio >= goal) if side == 224 else None
            recorder.tell(f"{at}: over {peer}, {layout}", ratio, f">= {goal}", right)
        if "plain, graph" in rates:
            gain = rates["plain, graph"] / rates["plain, NHWC"]
            recorder.tell(f"{at}: graph over eager", gain, "large where launches bind the step")
        times.clear()
        sides.clear()


def sizes(bench: Bench) -> tuple[tuple[int, int, int], ...]:
    """Return sides in pixels, batches, and how many steps a turn has."""
    return bench.pick(((224, 256, 5), (32, 128, 10)), ((32, 4, 1), (32, 2, 1)))


def jobs(bench: Bench) -> list[TrainJob]:
    """Return our job of each size."""
    return [_job(side, batch) for side, batch, _ in sizes(bench)]


def _job(side: int, batch: int) -> TrainJob:
    return job_of(named(NAME, side, CLASSES), 2 * batch, batch=batch, precision="bfloat16")


def _sides(bench: Bench, recorder: Recorder, side: int, batch: int) -> dict[str, Step]:
    """Return a step of every side, warmed up; one that does not run is told, and left out."""
    makers: dict[str, Callable[[], Step]] = {
        "compound": lambda: _ours(bench, side, batch, fixed=True),
        "compound, with its images": lambda: _ours(bench, side, batch, fixed=False),
        "plain, NCHW": lambda: _plain(bench, _module(side), side, batch, nhwc=False),
        "plain, NHWC": lambda: _plain(bench, _module(side), side, batch, nhwc=True),
        "plain, SiLU not in place": lambda: _plain(
            bench, _not_in_place(_module(side)), side, batch, nhwc=True
        ),
    }
    if find_spec("timm"):
        makers |= {
            "timm, NCHW": lambda: _plain(bench, _timm(), side, batch, nhwc=False),
            "timm, NHWC": lambda: _plain(bench, _timm(), side, batch, nhwc=True),
        }
    if bench.cuda:
        makers["compound, graphs"] = lambda: _ours(bench, side, batch, fixed=True, graphs=True)
        makers["plain, graph"] = lambda: graphed(
            _plain(bench, _module(side), side, batch, nhwc=True)
        )
    sides = {}
    for name, make in makers.items():
        try:
            sides[name] = _warm(make(), bench.pick(6, 1))
        except (RuntimeError, TypeError) as error:
            recorder.tell(f"{side} px: {name}", str(error)[:300], "runs", False)
    return sides


def _warm(step: Step, steps: int) -> Step:
    for _ in range(steps):
        step()
    return step


def _ours(bench: Bench, side: int, batch: int, *, fixed: bool, graphs: bool = False) -> Step:
    """Return our step; `graphs`: as jobs take it, by CUDA graphs where launches bind it."""
    return steps_of(trainer_of(_job(side, batch), bench.process, graphs=graphs), fixed=fixed)


def _module(side: int) -> nn.Module:
    return build(named(NAME, side, CLASSES))


def _timm() -> nn.Module:
    made: nn.Module = import_module("timm").create_model("efficientnet_b0", num_classes=CLASSES)
    return made


def _not_in_place(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if isinstance(part, nn.SiLU):
            part.inplace = False
    return module


def _plain(bench: Bench, module: nn.Module, side: int, batch: int, *, nhwc: bool) -> Step:
    """Return a step as plain torch has it: autocast, clipping, SGD over all tensors at once."""
    layout = torch.channels_last if nhwc else torch.contiguous_format
    module = module.to(bench.device).train()
    module = module.to(memory_format=layout)  # type: ignore[call-overload]  # stubs lack it
    images = torch.randn(batch, 3, side, side, device=bench.device).contiguous(memory_format=layout)
    labels = torch.randint(CLASSES, (batch,), device=bench.device)
    weights = list(module.parameters())
    optimiser = torch.optim.SGD(
        weights, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4, foreach=True
    )

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(bench.device.type, torch.bfloat16):
            loss = _loss(module(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimiser.step()

    return step


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=0.1)


def graphed(step: Step) -> Step:
    """Return the same step as one CUDA graph, its buffers made in a few steps before."""
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # capturing wants the warm-up on a stream of its own
        _warm(step, 3)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return lambda: graph.replay()
