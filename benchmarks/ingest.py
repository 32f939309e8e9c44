"""JPEGs decoded by Ray Data, anywhere in a cluster, against processes beside the worker.

    PYTHONPATH=. python -m benchmarks.ingest [--images 2048] [--rounds 5] [--folder TMP]

Both sides have two CPUs of this machine, so this is what the way through Ray costs; what it gains,
CPUs of other hosts, a single machine cannot show. Sides take turns within a round; printed are
medians with the least and the largest. Batches of both are compared to the bit first.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.images import BATCH, SIDE, WORKERS, epoch, show, write_images
from compound.cluster.ray_data import RayData
from compound.cluster.ray_session import connect
from compound.jobs.data.batches import Share
from compound.jobs.data.source import summarise
from compound.jobs.data.stream.remote_decoding import RemoteDecoder
from compound.jobs.data.stream.streamed_batches import Streamed
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import ImageFolderData
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name, connect(cpus=WORKERS):
        write_images(Path(name), options.images, 500, 375)
        ours, far = source_of(Path(name)), source_of(Path(name), RayData(WORKERS))
        _check(ours, far)
        print(f"{options.images} JPEGs of 500 x 375 to {SIDE} px, {WORKERS} CPUs a side")
        compare(ours, far, options.rounds)


def source_of(root: Path, elsewhere: RemoteDecoder | None = None) -> Streamed:
    """Return our source over a folder."""
    spec = ImageFolderData(
        source="image_folder",
        path=str(root),
        size=SIDE,
        memory="never",
        cache="off",
        decoders=WORKERS,
        validation=0.02,
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    source = DataCache(elsewhere=elsewhere).source(data, SIDE, Recipe(), torch.device("cpu"))
    assert isinstance(source, Streamed)
    return source


def compare(ours: Streamed, far: Streamed, rounds: int) -> None:
    """Print images per second of each, their ratio, and the wait for the first batch."""
    paces = [(epoch(ours, n).rate, epoch(far, n).rate) for n in range(1, rounds + 1)]
    firsts = [(_first(ours, n), _first(far, n)) for n in range(rounds)]
    for which, label in enumerate(("beside the worker", "Ray Data")):
        show(label, [pair[which] for pair in paces], "images/s")
        show("", [pair[which] for pair in firsts], "s to the first batch")
    show("Ray Data, share of images/s", [far / near for near, far in paces], "x")


def _first(source: Streamed, number: int) -> float:
    started = time.perf_counter()
    batches = source.training(0, number, Share.of(BATCH, BATCH, 0, 1))
    next(batches)
    elapsed = time.perf_counter() - started
    batches.close()  # type: ignore[attr-defined]
    return elapsed


def _check(ours: Streamed, far: Streamed) -> None:
    share = Share.of(BATCH, BATCH, 0, 1)
    for our_batch, their_batch in zip(
        ours.training(0, 0, share), far.training(0, 0, share), strict=True
    ):
        assert torch.equal(our_batch.images, their_batch.images), "other pixels"


if __name__ == "__main__":
    main()
