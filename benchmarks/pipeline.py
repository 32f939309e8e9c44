"""Images in memory at 32 pixels, to normalised batches: ours beside torch's DataLoader, on a CPU.

    python -m benchmarks.pipeline [--policy randaugment]

Both crop with a margin of 4 pixels, mirror, normalise and cut out a square of 8. The DataLoader
has 2 workers that change one image after the other, as its documentation shows; ours changes whole
batches in the training process, with as many threads as the loader has workers. Goal: 20 times the
images a second. With --policy ours makes its operations too, beside the same loader without them.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from compound.jobs.data.batches import Feeder, Share
from compound.jobs.data.images import Images
from compound.jobs.data.images import statistics as statistics_of
from compound.jobs.runtime.malloc import keep_freed
from compound.schemas.recipe import Augment

SIDE, MARGIN, CUT, BATCH = 32, 4, 8, 256


class PerSample(Dataset[tuple[Tensor, int]]):
    """Changes one image at a time, in tensors of that image."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._mean = images.mean[:, None, None] / 255
        self._deviation = images.deviation[:, None, None] / 255

    def __len__(self) -> int:
        return len(self._images.train)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self._images.train[index]
        padded = functional.pad(image[None].float(), (MARGIN,) * 4, mode="reflect")[0] / 255
        top, left = torch.randint(2 * MARGIN + 1, (2,)).tolist()
        image = padded[:, top : top + SIDE, left : left + SIDE]
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        image = (image - self._mean) / self._deviation
        y, x = torch.randint(SIDE, (2,)).tolist()
        rows = slice(max(y - CUT // 2, 0), y + CUT // 2)
        image[:, rows, max(x - CUT // 2, 0) : x + CUT // 2] = 0
        return image, int(self._images.train_labels[index])


def drawn(count: int) -> Images:
    """Return random colour images of ten classes."""
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, count))
    return Images(pixels, labels, pixels[:1], labels[:1], *statistics_of(pixels))


def speed(batches: Iterator[object], images: int) -> float:
    """Return images a second over all batches."""
    started = time.perf_counter()
    for _ in batches:
        pass
    return images / (time.perf_counter() - started)


def main() -> None:
    """Take both sides in turn; print medians, spreads and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", choices=["none", "autoaugment", "randaugment"], default="none")
    for name, default in (("rounds", 5), ("threads", 2), ("images", 25_600)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed()  # as a worker does
    images = drawn(options.images)
    augment = Augment(pad=MARGIN / SIDE, cutout=CUT / SIDE, policy=options.policy)
    feeder = Feeder(images, augment, torch.device("cpu"))
    share = Share.of(BATCH, BATCH, 0, 1)
    part = Images(images.train[:5120], images.train_labels, *list(vars(images).values())[2:])
    loader = DataLoader(
        PerSample(part), BATCH, shuffle=True, num_workers=2, persistent_workers=True
    )
    speed(iter(loader), 1), speed(feeder.training(0, 1, share), 1)
    pairs = [
        (
            speed(feeder.training(0, number, share), options.images),
            speed(iter(loader), len(part.train)),
        )
        for number in range(1, options.rounds + 1)
    ]
    for name, side in zip(("ours", "DataLoader"), zip(*pairs, strict=True), strict=True):
        low, high = min(side), max(side)
        print(f"{name:12}{statistics.median(side):10,.0f} images/s ({low:,.0f} to {high:,.0f})")
    ratios = sorted(our_rate / their_rate for our_rate, their_rate in pairs)
    spread = f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
    print(f"ratio {statistics.median(ratios):.1f} (rounds: {spread}; goal 20)")


if __name__ == "__main__":
    main()
