"""JPEGs from disk: ours against torch's DataLoader, the cache against decoding, and who waits.

    PYTHONPATH=. python -m benchmarks.images [--images 512] [--rounds 5] [--folder TMP]

Images are generated into a temporary folder. Sides take turns within a round, both with as many
processes that decode and the same work on every image: decode, crop to a square of 224 px, shift,
mirror, normalise. Printed are medians over the rounds with the least and the largest.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from compound.jobs.data.batches import Share, Source
from compound.jobs.data.source import summarise
from compound.jobs.data.stream.streamed_batches import Streamed
from compound.jobs.models.build import build
from compound.jobs.networks.efficientnet import B0
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.training.data_cache import DataCache
from compound.schemas.architecture import Architecture
from compound.schemas.data import ImageFolderData
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe

SIDE = 224
WORKERS = 2
BATCH = 32
SMALL = 8
PARTS = ("loader", "cache", "waiting")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(WORKERS)
    keep_freed()  # as a worker does
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for width, height in ((500, 375), (1600, 1200)):
            root = Path(name) / f"{width}"
            count = options.images if width == 500 else options.images // 2
            write_images(root, count, width, height)
            print(f"\n{count} JPEGs of {width} x {height}, {WORKERS} processes, {SIDE} px")
            if "loader" in options.parts:
                against_loader(root, options.rounds)
            if "cache" in options.parts:
                against_first(root, options.rounds)
        if "waiting" in options.parts:
            waiting(Path(name) / "500", options.rounds)


def write_images(root: Path, count: int, width: int, height: int) -> None:
    """Write photo-like JPEGs of two classes: coarse patterns with some grain."""
    for number in range(count):
        random = np.random.default_rng(number)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        grain = random.integers(-12, 13, smooth.shape, dtype=np.int16)
        sink = io.BytesIO()
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(
            sink, "JPEG", quality=90
        )
        folder = root / "train" / ("ant", "bee")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.jpg").write_bytes(sink.getvalue())


def source_of(root: Path, cache: str) -> Streamed:
    """Return our source over a folder."""
    spec = ImageFolderData(
        source="image_folder",
        path=str(root),
        size=SIDE,
        memory="never",
        cache=cache,
        decoders=WORKERS,
        validation=0.02,
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    source = DataCache().source(data, SIDE, Recipe(), torch.device("cpu"))
    assert isinstance(source, Streamed)
    return source


@dataclass(frozen=True)
class Pace:
    """How fast a side was, and what it cost."""

    rate: float
    """Images per second."""
    cost: float
    """Milliseconds of CPU per image, over this process and all that it started."""


def epoch(source: Source, number: int) -> Pace:
    """Go through an epoch of batches."""
    share = Share.of(BATCH, BATCH, 0, 1)
    return pace(batch.images for batch in source.training(0, number, share))


def pace(batches: Iterable[Tensor]) -> Pace:
    """Go through batches."""
    started, spent, seen = time.perf_counter(), cpu_seconds(), 0
    for images in batches:
        seen += len(images)
    elapsed = time.perf_counter() - started
    return Pace(seen / elapsed, 1000 * (cpu_seconds() - spent) / seen)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all its descendants that are alive."""
    family, times = {os.getpid()}, 0
    stats = sorted(int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat"))
    for process in stats:  # parents have lower numbers than their children
        try:
            text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = text.rsplit(")", 1)[1].split()
        if process in family or int(fields[1]) in family:
            family.add(process)
            times += int(fields[11]) + int(fields[12])
    return times / os.sysconf("SC_CLK_TCK")


class PerSample(Dataset[tuple[Tensor, int]]):
    """The same work on every image, one at a time, as is usual with torch's DataLoader."""

    def __init__(self, root: Path) -> None:
        self._files = sorted(root.rglob("*.jpg"))
        self._pad = SIDE // 8
        self._mean = torch.tensor([0.5, 0.5, 0.5])[:, None, None]
        self._deviation = torch.tensor([0.25, 0.25, 0.25])[:, None, None]

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self._files[index]) as opened:
            image = ImageOps.fit(opened.convert("RGB"), (SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = np.pad(np.asarray(image), ((self._pad,) * 2, (self._pad,) * 2, (0, 0)), "reflect")
        top, left, mirrored = torch.randint(2 * self._pad + 1, (3,)).tolist()
        pixels = pixels[top : top + SIDE, left : left + SIDE]
        pixels = pixels[:, ::-1] if mirrored % 2 else pixels
        tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).float().div_(255)
        return tensor.sub_(self._mean).div_(self._deviation), index % 2


def loader_of(root: Path) -> Callable[[], Iterator[Tensor]]:
    """Return torch's loader over a folder, its workers kept between epochs."""
    loader: DataLoader[Any] = DataLoader(
        PerSample(root),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="forkserver",
    )
    return lambda: (images for images, _ in loader)


def against_loader(root: Path, rounds: int) -> None:
    """Compare decoding without a cache; both sides are warm."""
    ours, theirs = source_of(root, "off"), loader_of(root)
    epoch(ours, 1)
    pace(theirs())
    paces = [(epoch(ours, number + 2), pace(theirs())) for number in range(rounds)]
    compare("ours, decoding", "DataLoader + Pillow", paces)


def against_first(root: Path, rounds: int) -> None:
    """Compare the epoch that reads the cache with the one before, which fills it."""
    paces = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=root.parent) as cache:
            source = filling(root, cache)
            first = epoch(source, 1)
            paces.append((epoch(source, 2), first))
    compare("second epoch, from the cache", "first epoch, filling the cache", paces)


def compare(name: str, other_name: str, paces: list[tuple[Pace, Pace]]) -> None:
    """Print two sides, and by how much the first is ahead."""
    for which, label in enumerate((name, other_name)):
        show(label, [pair[which].rate for pair in paces], "images/s")
        show("", [pair[which].cost for pair in paces], "ms of CPU an image")
    show("ratio of images/s", [first.rate / second.rate for first, second in paces], "x")
    show("ratio of CPU", [second.cost / first.cost for first, second in paces], "x")


def filling(root: Path, cache: str) -> Streamed:
    """Return a source whose processes run, but whose cache is empty."""
    source = source_of(root, cache)
    status = next(Path(cache).glob("*/status.u8"))
    with status.open("r+b") as file:
        file.write(bytes(status.stat().st_size))
    return source


def waiting(root: Path, rounds: int) -> None:
    """Train EfficientNet-B0 and tell which share of the time went into waiting for images."""
    step = step_of(build(replaced(B0)))
    for name, cache in (("decoding", "off"), ("from the cache", str(root.parent / "cache"))):
        source = source_of(root, cache)
        if cache != "off":
            epoch(source, 1)
        shares = list(waits(step, source, rounds))
        show(f"waiting in a step of B0, {name}", shares, "%")


def replaced(architecture: Architecture) -> Architecture:
    """Return a network that tells two classes apart."""
    return architecture.model_copy(update={"num_classes": 2})


def step_of(network: nn.Module) -> Callable[[Tensor, Tensor], None]:
    """Return a training step."""
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def step(images: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def waits(step: Callable[[Tensor, Tensor], None], source: Streamed, rounds: int) -> Iterator[float]:
    """Yield the percentage of waiting over three steps, after one that warms up."""
    batches = source.training(0, 2, Share.of(SMALL, SMALL, 0, 1))
    first = next(batches)
    step(first.images, first.labels)
    for _ in range(rounds):
        started, before = time.perf_counter(), source.waited
        for batch in islice(batches, 3):
            step(batch.images, batch.labels)
        yield 100 * (source.waited - before) / (time.perf_counter() - started)


def show(name: str, values: list[float], unit: str) -> None:
    """Print a median with its spread."""
    middle = statistics.median(values)
    print(f"{name:32} {middle:9.2f} {unit:20} ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
