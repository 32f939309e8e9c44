"""`compound data`: what a spec's data are, what is taken of them and what is left out."""

from collections.abc import Sequence
from pathlib import Path

from compound.jobs.data.source import inspect, opened
from compound.jobs.data.sources.dataset import Dataset, Labels, Pixels
from compound.jobs.data.sources.encoded import Choice, EncodedData
from compound.jobs.data.sources.pixel_digest import array_digest, pixel_digest
from compound.jobs.regular_file import open_output
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.design.baseline import baseline_of
from compound.orchestrator.spec.load import load
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.ledger_text import (
    appearance_lines,
    class_lines,
    duplicate_lines,
)
from compound.orchestrator.wording.numbers import counted
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.data import DataInfo, DataSpec
from compound.schemas.data_ledger import DataLedger, LeftOut, PartLedger
from compound.schemas.errors import CompoundError, SpecError
from compound.schemas.study import AnySpec

PARTS = ("part", ">found", ">taken", ">left out", "~where")
LEFT_OUT = ("part", ">count", "|reason", "~for example")
CLASSES = 20
"""Classes that are listed; more are in the JSON."""


def data(path: Path, overrides: list[str], sheet: Path | None, *, as_json: bool) -> None:
    """Decode all images of a spec, and print the ledger. DataError: they are unfit.

    `sheet`: a PNG of the first images of each class, as the network will see them.
    """
    file = load(path, overrides)
    if sheet is not None:
        _check_sheet(sheet, file.source.name)
    try:
        info = inspect(file.spec.data)
        if sheet is not None:
            _write_sheet(sheet, file.spec, info)
    except CompoundError as error:
        raise file.explain(error) from None
    if as_json:
        digest = _digest(file.spec.data, info)
        source = {"source": file.spec.data.source, "pixel_digest": digest}
        warnings = {"warnings": list(class_warnings(info))}
        print_json({**source, **info.model_dump(mode="json"), **warnings})
    else:
        _show(file.spec.name, info)
    if sheet is not None:
        note(f"wrote {sheet}: look at it")
        _note_codes(info)
    elif not as_json:
        sets = tuple(file.overrides.values())
        drawn = command("data", (file.source.name,), sets, sheet=f"{file.spec.name}.png")
        say(f"next: {drawn}    # and look at the images")


def _check_sheet(sheet: Path, spec: str) -> None:
    """Raise SpecError where the name of a sheet promises another format than PNG."""
    if sheet.suffix.lower() != ".png":
        raise SpecError(
            f"a sheet is a PNG, and the name ends with {sheet.suffix or 'nothing'}",
            where=str(sheet),
            allowed="FILE.png",
            next_step=command("data", (spec,), sheet=str(sheet.with_suffix(".png"))),
        )


def _write_sheet(sheet: Path, spec: AnySpec, info: DataInfo) -> None:
    # Imported here: resizing needs torch, which the ledger alone does not.
    from compound.jobs.data.contact_sheet import contact_sheet

    images, central = _undecoded(spec.data, info), spec.first_recipe.central
    png = contact_sheet(images, _side(spec, info), central)
    try:
        with open_output(sheet) as file:
            file.write(png)
    except OSError as error:
        raise SpecError(
            f"cannot be written: {error.strerror}",
            where=str(sheet),
            next_step="compound data SPEC --sheet FILE.png, with a file that can be written",
        ) from None


def _note_codes(info: DataInfo) -> None:
    """Say which names the sheet has as codes."""
    from compound.jobs.data.contact_sheet import coded_names

    names = coded_names(info.classes)
    if names:
        note(
            f"{counted(len(names), 'class name')} drawn as codes, such as {names[0]}: no font here "
            "has these letters (on Debian: apt-get install fonts-noto-cjk fonts-noto-core)"
        )


def _side(spec: AnySpec, info: DataInfo) -> int:
    """Return the resolution of the baseline; a network of the user's is not built for it."""
    if isinstance(spec.baseline, FactoryBaseline):
        return spec.baseline.resolution
    return baseline_of(spec, info).resolution


def _undecoded(spec: DataSpec, info: DataInfo) -> Dataset | Choice:
    """Open the images that are taken, without decoding all of them where they are encoded."""
    if isinstance(spec, EncodedData):
        spec = spec.model_copy(update={"memory": "never"})
    return opened(spec, patient=False, undecodable=info.undecodable)


def _digest(spec: DataSpec, info: DataInfo) -> str:
    """Return the fingerprint of the pixels of all parts; encoded images are decoded once more."""
    images = _undecoded(spec, info)
    if isinstance(images, Choice):
        return pixel_digest(images.parts.values(), images.form, images.info.classes)
    parts = [(images.train_images, images.train_labels), _held_out(images)]
    if info.test:
        # Here nothing is decided, so the images of the test part may be read.
        of_test = opened(spec, part="test")
        assert isinstance(of_test, Dataset), "a source is arrays for every part or for none"
        parts.append(_held_out(of_test))
    return array_digest(parts, images.info.classes)


def _held_out(images: Dataset) -> tuple[Pixels, Labels]:
    return images.validation_images, images.validation_labels


def _show(name: str, info: DataInfo) -> None:
    ledger = info.ledger
    assert ledger is not None, "every source has a ledger"
    parts = [
        [
            part.part,
            f"{part.found:,}",
            f"{part.taken:,}",
            f"{part.found - part.taken:,}",
            part.where,
        ]
        for part in ledger.parts
    ]
    print_table(f"data of {name}", PARTS, parts)
    rows = list(_left_out(ledger))
    if rows:
        print_table("\nleft out", LEFT_OUT, rows)
    if len(info.classes) <= CLASSES:
        columns = ("~class", *(f">{part.part}" for part in ledger.parts))
        print_table("\nimages of each class", columns, _classes(info, ledger))
    say()
    for text in class_warnings(info):
        say(f"warning: {text}")
    for lines in (class_lines(info), appearance_lines(ledger), duplicate_lines(ledger)):
        for line in lines:
            say(line)
    if ledger.compared:
        say(f"compared by content: {counted(ledger.compared, 'image')}")
    for text in ledger.notes:
        say(f"note: {text}")
    say(
        f"seen by the network: {info.in_channels} x {info.size} x {info.size}; "
        f"fingerprint {info.fingerprint}"
    )


def _part(part: PartLedger) -> list[str]:
    left_out = part.found - part.taken
    return [part.part, f"{part.found:,}", f"{part.taken:,}", f"{left_out:,}", part.where]


def _left_out(ledger: DataLedger) -> list[list[str]]:
    rows = [_row(part.part, entry) for part in ledger.parts for entry in part.left_out]
    return [*rows, *(_row("none", entry) for entry in ledger.unused)]


def _row(part: str, entry: LeftOut) -> list[str]:
    return [part, f"{entry.count:,}", entry.reason, ", ".join(entry.examples)]


def _classes(info: DataInfo, ledger: DataLedger) -> list[list[str]]:
    counts = [part.class_counts for part in ledger.parts]
    return [
        [name, *(f"{part[label]:,}" for part in counts)] for label, name in enumerate(info.classes)
    ]


def image_names(path: Path, overrides: list[str], images: Sequence[int], *, as_json: bool) -> None:
    """Print the names of validation images by their positions, as reports and tables have them.

    Raises DataError: the data are unfit; SpecError: the source has no names, or fewer images.
    """
    file = load(path, overrides)
    try:
        names = _image_names(file.spec.data, images, file.source.name)
    except CompoundError as error:
        raise file.explain(error) from None
    if as_json:
        print_json({str(image): name for image, name in zip(images, names, strict=True)})
        return
    for image, name in zip(images, names, strict=True):
        say(f"{image}: {name}")


def _image_names(spec: DataSpec, images: Sequence[int], where: str) -> list[str]:
    if not isinstance(spec, EncodedData):
        raise SpecError(
            f"the images of {spec.source} have no names",
            where=where,
            allowed="sources of files: image_folder, parquet",
        )
    # As in training: positions do not count the images that cannot be decoded.
    undecodable = inspect(spec).undecodable
    choice = opened(
        spec.model_copy(update={"memory": "never"}), patient=False, undecodable=undecodable
    )
    assert isinstance(choice, Choice), "nothing is decoded into memory"
    part = choice.validation
    outside = [image for image in images if not 0 <= image < len(part.indices)]
    if outside:
        raise SpecError(
            f"there is no validation image {outside[0]}",
            where=where,
            allowed=f"0 to {len(part.indices) - 1}",
        )
    return [part.listing.name(int(part.indices[image])) for image in images]
