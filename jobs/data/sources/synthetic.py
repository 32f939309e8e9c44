"""Noisy class patterns made from a seed."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from compound.jobs.data.sources.dataset import (
    Dataset,
    HeldOut,
    Labels,
    Pixels,
    check_memory,
    check_splits,
    fingerprint,
)
from compound.jobs.data.sources.subset import limited
from compound.jobs.seeds import Purpose, derive
from compound.schemas.data import DataInfo, SyntheticData
from compound.schemas.data_ledger import DataLedger, LeftOut, PartLedger, PartName

_CELLS = 4
"""Cells a side of a pattern: coarse patterns survive resizing and shifting."""
_CHUNK = 256
_CONTENT = "patterns 1"
"""Part of the fingerprint: changed when the same spec makes different pixels."""


def summarise(spec: SyntheticData) -> DataInfo:
    """Describe the images of the spec without making them."""
    train, validation = _labels(spec)
    classes = tuple(str(label) for label in range(spec.num_classes))
    check_splits(train, validation, classes, "synthetic")
    tested = spec.test_images or 0
    check_memory(len(train) + len(validation) + tested, spec.channels, spec.size, "synthetic")
    return DataInfo(
        fingerprint=fingerprint(spec, _CONTENT),
        classes=classes,
        in_channels=spec.channels,
        size=spec.size,
        train=len(train),
        validation=len(validation),
        test=tested,
        ledger=_ledger(
            spec, {"train": train, "validation": validation, "test": _cycled(tested, spec)}
        ),
    )


def _ledger(spec: SyntheticData, labels: Mapping[PartName, Labels]) -> DataLedger:
    made = {"train": spec.images, "validation": spec.validation_images, "test": spec.test_images}
    limits = {"train": "limit", "validation": "validation_limit"}
    entries = []
    for part, chosen in labels.items():
        beyond = (made[part] or 0) - len(chosen)
        reason = LeftOut(reason=f"beyond `{limits.get(part, '')}`", count=beyond)
        counts = np.bincount(chosen, minlength=spec.num_classes)
        entries.append(
            PartLedger(
                part=part,
                where="made from a seed",
                found=made[part] or 0,
                left_out=(reason,) if beyond else (),
                taken=len(chosen),
                class_counts=tuple(counts.tolist()),
            )
        )
    return DataLedger(parts=tuple(entry for entry in entries if entry.found))


def load(spec: SyntheticData, part: HeldOut = "validation") -> Dataset:
    """Make the images: the pattern of the class, plus noise."""
    info = summarise(spec)
    train, validation = _labels(spec)
    held_out = _cycled(spec.test_images or 0, spec) if part == "test" else validation
    patterns = _patterns(spec)
    return Dataset(
        _images(spec, patterns, train, 0),
        train,
        _images(spec, patterns, held_out, 2 if part == "test" else 1),
        held_out,
        info,
    )


def _labels(spec: SyntheticData) -> tuple[Labels, Labels]:
    train, validation = _cycled(spec.images, spec), _cycled(spec.validation_images, spec)
    return (
        train[limited(train, spec.limit, spec.split_seed)],
        validation[limited(validation, spec.validation_limit, spec.split_seed)],
    )


def _cycled(images: int, spec: SyntheticData) -> Labels:
    return np.arange(images, dtype=np.int64) % spec.num_classes


def _patterns(spec: SyntheticData) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(derive(Purpose.PATTERN, spec.split_seed))
    coarse = random.standard_normal((spec.num_classes, spec.channels, _CELLS, _CELLS))
    cell = np.arange(spec.size) * _CELLS // spec.size
    return coarse.astype(np.float32)[:, :, cell[:, None], cell[None, :]]


def _images(
    spec: SyntheticData, patterns: npt.NDArray[np.float32], labels: Labels, part: int
) -> Pixels:
    pixels = np.empty((len(labels), spec.channels, spec.size, spec.size), dtype=np.uint8)
    for start in range(0, len(labels), _CHUNK):
        # A seed for each chunk: memory is bounded, and more images do not change the first ones.
        random = np.random.default_rng(derive(Purpose.NOISE, spec.split_seed, part, start))
        signal = patterns[labels[start : start + _CHUNK]]
        noise = random.standard_normal(signal.shape, dtype=np.float32)
        noisy = 128 + 40 * (signal + spec.noise * noise)
        pixels[start : start + _CHUNK] = noisy.clip(0, 255).astype(np.uint8)
    return pixels
