"""Checkpoints of EfficientNet-B0 with optimiser and average, against torch.save and torch.load.

    python -m benchmarks.checkpoint [--rounds 9] [--threads 2] [--store DIR] [--json]

The state is that of a trainer with the paper's recipe: weights, batch norm's statistics, their
average, and RMSProp's two slots. torch's side has the same tensors by name, the slots one for each
parameter as torch.optim keeps them; `one buffer a slot` gives it our slots instead, which loads
faster. Sides take turns, medians are compared.

save: how long training waits. Ours copies into the host's buffers and hands over; the thread that
hashes, writes and syncs has ended before the next turn, and its time is shown apart.
torch.save serialises and writes, without a sync.
load: from a file in the page cache to tensors by name. Ours reads the manifest and verifies the
sha256 of every byte.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from compound.jobs.data.batches import Feeder
from compound.jobs.data.source import summarise
from compound.jobs.networks.named import NETWORKS
from compound.jobs.run_job import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checkpoint import Position, Saved
from compound.jobs.store.writing.job_writer import JobWriter
from compound.jobs.training.checkpoints.snapshot import Snapshot
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, EpochRow, TrainJob
from compound.schemas.recipe import Recipe

Times = dict[str, list[float]]


def trained(threads: int) -> tuple[TrainJob, Trainer]:
    """Return B0's trainer after one step, so that every buffer holds numbers."""
    spec = SyntheticData(source="synthetic", images=4, validation_images=2, size=32)
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    network = NETWORKS["efficientnet-b0"].model_copy(update={"resolution": 32})
    recipe = Recipe.model_validate({"recipe": "paper", "epochs": 1, "batch": 4})
    job = TrainJob(architecture=network, recipe=recipe, data=data)
    process = Process.single(threads)
    source = Feeder(DataCache().at(data, 32), recipe.augment, process.device)
    trainer = Trainer(job, source, process)
    trainer.epoch(1)
    return job, trainer


def plain(snapshot: Snapshot, trainer: Trainer, *, flat_slots: bool) -> dict[str, Any]:
    """Return the state as a torch program holds it, dense tensors of their own."""
    sizes = [shape.numel() for shape in trainer.flat.shapes.values()]
    count = len(trainer.flat.gradients)
    slots = {}
    for name, slot in snapshot.slots.items():
        parts = {"all": slot} if flat_slots else _parts(slot, sizes, count)
        slots[name] = {key: part.clone() for key, part in parts.items()}
    model = {name: tensor.contiguous().clone() for name, tensor in snapshot.model.items()}
    return {"model": model, "optimizer": slots}


def _parts(slot: torch.Tensor, sizes: list[int], count: int) -> dict[str, torch.Tensor]:
    trained_sizes, total = [], 0
    for size in sizes:
        if total < count:
            trained_sizes.append(size)
            total += size
    return {str(i): part for i, part in enumerate(slot.split_with_sizes(trained_sizes))}


def timed(times: Times, name: str, action: Callable[[], Any]) -> None:
    """Add how long an action took, in milliseconds."""
    started = time.perf_counter()
    action()
    times.setdefault(name, []).append(1e3 * (time.perf_counter() - started))


def measure(folder: Path, rounds: int, threads: int) -> tuple[Times, int]:
    """Return milliseconds by what was done, and the bytes of the state."""
    job, trainer = trained(threads)
    snapshot, times = Snapshot(trainer), Times()
    snapshot.take(trainer, None, {})
    peers = {"": False, ", one buffer a slot": True}
    states = {name: plain(snapshot, trainer, flat_slots=flat) for name, flat in peers.items()}
    store = ArtifactStore.open(str(folder / "store"))
    with store.writer(job) as writer:
        for epoch in range(1, rounds + 2):
            writer.log(_row(job, epoch))
            timed(times, "save: compound waits", partial(_save, writer, snapshot, trainer, epoch))
            timed(times, "save: its thread", writer.wait)
            timed(times, "load: compound", partial(_loaded, store, job.id))
            for name, state in states.items():
                path = folder / f"torch{name}.pt"
                timed(times, f"save: torch.save{name}", partial(torch.save, state, path))
                load = partial(torch.load, path, weights_only=True)
                timed(times, f"load: torch.load{name}", load)
    checkpoint = store.checkpoint(job.id)
    assert checkpoint and _same(checkpoint.model(), states[""]["model"])
    return {name: values[1:] for name, values in times.items()}, _bytes(states[""])


def _row(job: TrainJob, epoch: int) -> EpochRow:
    return EpochRow(
        job=job.id, attempt=1, epoch=epoch, step=epoch, metrics={"train_loss": 1.0}, wall_time=0
    )


def _save(writer: JobWriter, snapshot: Snapshot, trainer: Trainer, epoch: int) -> None:
    snapshot.take(trainer, None, {})
    content = lambda: Saved(snapshot.model, snapshot.slots, {})  # noqa: E731  as training does
    writer.save_later(Position(epoch, epoch), content)


def _loaded(store: ArtifactStore, job: str) -> object:
    checkpoint = store.checkpoint(job)
    assert checkpoint
    return checkpoint.model(), checkpoint.optimizer()


def _same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def _bytes(state: dict[str, Any]) -> int:
    groups = [state["model"], *state["optimizer"].values()]
    return sum(tensor.nbytes for group in groups for tensor in group.values())


def main() -> None:
    """Measure, print a table and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--store", type=Path, help="where to write; default: a temporary folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(dir=options.store) as folder:
        times, size = measure(Path(folder), options.rounds, options.threads)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        f"{action}: {peer}": medians[f"{action}: {peer}"] / medians[f"{action}: {ours}"]
        for action, ours, peers in (
            ("save", "compound waits", ("torch.save", "torch.save, one buffer a slot")),
            ("load", "compound", ("torch.load", "torch.load, one buffer a slot")),
        )
        for peer in peers
    }
    if options.json:
        sys.stdout.write(json.dumps({"bytes": size, "ms": times, "ratios": ratios}) + "\n")
        return
    sys.stdout.write(f"{size / 1e6:.1f} MB, {options.threads} threads, {options.rounds} rounds\n")
    for name, values in sorted(times.items()):
        spread = f"{min(values):7.1f} to {max(values):7.1f}"
        sys.stdout.write(f"{name:38} median {medians[name]:7.1f} ms   {spread}\n")
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name:38} / ours {ratio:5.1f}\n")


if __name__ == "__main__":
    main()
