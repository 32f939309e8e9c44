"""Data sets of encoded images: the part that Parquet files and folders share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compound.jobs.data.listing.image_file import FORMAT_NAMES
from compound.jobs.data.pixels.decode import Form
from compound.jobs.data.pixels.seen_images import SeenImages, check_form
from compound.jobs.data.sources.catalogue import Catalogue, Listing, Part
from compound.jobs.data.sources.checked_images import CheckedImages, checked, pixels_of
from compound.jobs.data.sources.dataset import (
    Dataset,
    HeldOut,
    check_labels,
    check_memory,
    check_splits,
    fingerprint,
    fits,
)
from compound.jobs.data.sources.ledger_of_parts import LedgerPart, ledger_of
from compound.jobs.data.sources.own_test_part import (
    check_apart,
    check_one_test_part,
    check_own_test_part,
)
from compound.jobs.data.sources.sampled_form import (
    Readable,
    Sample,
    of_all_images,
    sampled_form,
    unreadable,
)
from compound.jobs.data.sources.subset import SPARED, limited, parts, spared_notes
from compound.jobs.data.sources.taken_images import (
    check_bad,
    marks,
    other_images,
    undecodable_of,
    undecoded_notes,
)
from compound.schemas.data import DataInfo, DataSpec, ImageFolderData, ParquetData, Undecodable
from compound.schemas.data_ledger import PARTS, DataLedger, PartName
from compound.schemas.errors import DataError

EncodedData = ParquetData | ImageFolderData


@dataclass(frozen=True)
class Choice:
    """The images that a spec selects, and their form once they are decoded."""

    spec: EncodedData
    catalogue: Catalogue
    train: Part
    validation: Part
    form: Form
    info: DataInfo
    streamed: bool
    """Whether they are decoded during training instead of kept in memory."""
    sample: Sample
    """What a sample of the images showed."""
    spared: int = 0
    """Images that stayed in training as the last ones of their class."""
    test: Part | None = None
    """Images that no job trains or chooses with; None: there is no test part."""

    def for_test(self) -> "Choice":
        """Return the choice with the test part in the place of validation; it uses no disk cache.

        Whether images are streamed stays: mean and deviation are those of training.
        """
        assert self.test is not None, "there is a test part"
        info = self.info.model_copy(update={"validation": len(self.test.indices)})
        spec = self.spec.model_copy(update={"cache": "off"})
        return replace(self, spec=spec, validation=self.test, info=info)

    @property
    def parts(self) -> dict[PartName, Part]:
        """The chosen images of every part that there is."""
        parts: dict[PartName, Part] = {"train": self.train, "validation": self.validation}
        return parts if self.test is None else {**parts, "test": self.test}

    @property
    def is_settled(self) -> bool:
        """Whether it is known which images cannot be decoded: they are not among those chosen."""
        return self.info.undecodable is not None

    def check_bad(self, bad: tuple[str, ...]) -> None:
        """Raise DataError when more images cannot be decoded than `max_bad` allows.

        None may be bad where it was known before which ones are: all workers take the same images.
        """
        total = self.info.train + self.info.validation
        if bad and self.is_settled:
            raise other_images(bad, total, self.spec)
        check_bad(bad, total, self.spec)


def summarise(spec: EncodedData, catalogue: Catalogue) -> DataInfo:
    """Describe the data from labels and a few headers; broken images still count."""
    choice = choose(spec, catalogue)
    _check_test_apart(choice)
    ledger = _ledger(choice)
    bad = unreadable(_readable((choice.train, choice.validation)))
    notes = (*ledger.notes, *undecoded_notes(bad))
    return choice.info.model_copy(update={"ledger": ledger.model_copy(update={"notes": notes})})


def inspect(choice: Choice) -> DataInfo:
    """Decode every chosen image and keep none.

    DataError: as for `decoded`, or the form that a sample decided does not fit all images.
    """
    _check_test_apart(choice)
    images, seen = _checked(choice)
    train, validation, test = (images.get(part) for part in PARTS)
    assert train and validation, "every choice has these parts"
    bad = (*train.bad, *validation.bad)
    choice.check_bad(bad)
    if test:
        check_bad(test.bad, choice.info.test, choice.spec)
        bad += test.bad
    # Chosen again, so that the form too is decided by images that every worker takes.
    decodable = choose(choice.spec, choice.catalogue, undecodable_of(images))
    if decodable.form != choice.form:
        _, seen = _checked(decodable)
    check_form(seen, decodable.sample.appearance.sampled, choice.spec)
    sample = of_all_images(decodable.sample, choice.spec, seen)
    ledger = _ledger(replace(choice, sample=sample), images)
    return decodable.info.model_copy(update={"quarantined": bad, "ledger": ledger})


def _checked(choice: Choice) -> tuple[dict[PartName, CheckedImages], SeenImages]:
    """Decode every chosen image of every part."""
    seen = SeenImages(choice.form)
    images = {
        part: checked(images, choice.form, f"decoding {part}:", seen.add)
        for part, images in choice.parts.items()
    }
    return images, seen


def decoded(choice: Choice) -> Dataset:
    """Decode every chosen image. DataError: too many are bad, or what is left is unfit."""
    train, train_good, train_bad = pixels_of(choice.train, choice.form)
    held_out, held_out_good, held_out_bad = pixels_of(choice.validation, choice.form)
    bad = (*train_bad, *held_out_bad)
    choice.check_bad(bad)
    train_labels = choice.train.labels[train_good]
    held_out_labels = choice.validation.labels[held_out_good]
    check_splits(train_labels, held_out_labels, choice.info.classes, choice.spec.path)
    counts = {"train": len(train), "validation": len(held_out), "quarantined": bad}
    info = choice.info.model_copy(update=counts)
    return Dataset(train, train_labels, held_out, held_out_labels, info)


def read_or_stream(
    spec: EncodedData,
    catalogue: Catalogue,
    part: HeldOut = "validation",
    undecodable: Undecodable | None = None,
) -> Dataset | Choice:
    """Return the decoded images where they are kept in memory, else the choice to stream."""
    choice = choose(spec, catalogue, undecodable)
    choice = choice.for_test() if part == "test" else choice
    return choice if choice.streamed else decoded(choice)


def choose(
    spec: EncodedData, catalogue: Catalogue, undecodable: Undecodable | None = None
) -> Choice:
    """Return the images that a spec selects, without those that cannot be decoded.

    DataError: a split is empty or of one class, or `memory: always` and they do not fit.
    """
    (train, validation, test), spared = _parts(spec, catalogue)
    if undecodable:
        train = train.without(undecodable.train)
        validation = validation.without(undecodable.validation)
        test = test.without(undecodable.test) if test else None
    check_splits(train.labels, validation.labels, catalogue.classes, spec.path)
    sample = _sample((train, validation), spec, catalogue.largest)
    form = sample.form
    images = len(train.indices) + len(validation.indices)
    streamed = streams(spec, images, form.channels, form.size)
    if not streamed:
        check_memory(images, form.channels, form.size, spec.path)
    content = " ".join((catalogue.content, *sample.marks, *marks(undecodable)))
    content += SPARED if spared else ""
    # The fraction has no effect where the source has a validation split of its own.
    ignored = ("validation",) if catalogue.validation else ()
    info = DataInfo(
        fingerprint=fingerprint(spec, content, ignored),
        classes=catalogue.classes,
        in_channels=form.channels,
        size=form.size,
        train=len(train.indices),
        validation=len(validation.indices),
        test=len(test.indices) if test else 0,
        pixels=sample.pixels,
        undecodable=undecodable,
    )
    choice = Choice(spec, catalogue, train, validation, form, info, streamed, sample, spared, test)
    _check_empty(choice)
    return choice


def check_readable(choice: Choice) -> None:
    """Raise DataError where an image of the sample cannot be read, but was to be taken."""
    if choice.is_settled:
        choice.check_bad(tuple(unreadable(_readable((choice.train, choice.validation)))))


def streams(spec: DataSpec, images: int, channels: int, size: int) -> bool:
    """Return whether so many images are decoded during training on a machine like this one."""
    if not isinstance(spec, EncodedData):
        return False
    return spec.memory == "never" or (spec.memory == "auto" and not fits(images, channels, size))


def _parts(spec: EncodedData, catalogue: Catalogue) -> tuple[tuple[Part, Part, Part | None], int]:
    """Return the parts, and how many images stayed in training as the last ones of a class."""
    train, validation = catalogue.train, catalogue.validation or catalogue.train
    classes, seed = len(catalogue.classes), spec.split_seed
    check_labels(train.labels, classes, spec.path)
    check_labels(validation.labels, classes, getattr(spec, "validation_path", None) or spec.path)
    fraction = None if catalogue.validation else spec.validation
    used, held_out, tested, spared = parts(train.labels, fraction, spec.test, seed)
    if catalogue.validation:
        held_out = np.arange(len(validation.labels))
    test = Part(train, tested, len(tested)) if spec.test is not None else None
    if catalogue.test:
        test = _own_test_part(spec, catalogue, catalogue.test)
    few_held_out = limited(validation.labels[held_out], spec.validation_limit, seed)
    chosen = Part(train, used[limited(train.labels[used], spec.limit, seed)], len(used))
    return (chosen, Part(validation, held_out[few_held_out], len(held_out)), test), spared


def _sample(parts: Sequence[Part], spec: EncodedData, largest: int | None) -> Sample:
    sample = sampled_form(spec, _readable(parts), largest)
    if sample is None:
        raise DataError(
            f"none of the {len(parts[0].indices):,} training images can be decoded",
            where=spec.path,
            allowed=", ".join(FORMAT_NAMES),
        )
    return sample


def _readable(parts: Sequence[Part]) -> list[Readable]:
    return [Readable(part.listing.images, part.indices) for part in parts]


def _own_test_part(spec: EncodedData, catalogue: Catalogue, test: Listing) -> Part:
    """Return all images of a source's own test part. DataError: it is unfit for a test."""
    where = _test_address(spec)
    check_one_test_part(spec.test, where)
    check_labels(test.labels, len(catalogue.classes), where)
    check_own_test_part(test.labels, catalogue.train.labels, catalogue.classes, where)
    return Part(test, np.arange(len(test.labels)), len(test.labels))


def _test_address(spec: EncodedData) -> str:
    return getattr(spec, "test_path", None) or spec.path


def _check_test_apart(choice: Choice) -> None:
    """Refuse a test part of the source's own that is another part. Workers need not look again."""
    if choice.test and choice.spec.test is None:
        used = [("training", choice.train), ("validation", choice.validation)]
        listings = [(name, part.listing) for name, part in used]
        check_apart(choice.test.listing, listings, _test_address(choice.spec))


def _ledger(choice: Choice, images: Mapping[PartName, CheckedImages] | None = None) -> DataLedger:
    """Return the ledger of a choice, with what decoding all `images` showed."""
    parts = {
        part: LedgerPart.of(chosen, images[part] if images else None)
        for part, chosen in choice.parts.items()
    }
    notes = (*choice.sample.notes, *spared_notes(choice.spared))
    return ledger_of(choice.catalogue, parts, choice.sample.appearance, notes)


def _check_empty(choice: Choice) -> None:
    """Raise DataError where more images have 0 bytes than `max_bad` allows."""
    bad = []
    for part in (choice.train, choice.validation):
        empty = part.indices[np.isin(part.indices, part.listing.empty)]
        bad += [f"{part.listing.name(int(index))}: 0 bytes" for index in empty]
    choice.check_bad(tuple(bad))
