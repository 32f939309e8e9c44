"""What the choice confuses, and the hardest validation images, as tables of a report."""

from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.report.sections.table_cells import Cell, Table, number, text
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.verdict import Mistakes, Verdict

_NAMED_SOURCES = ("image_folder", "parquet")


def mistakes_text(verdict: Verdict, source: str) -> str:
    """Say what the tables are of, and which command names the file of an image."""
    mistakes = verdict.mistakes
    if mistakes is None:
        return ""
    names = ""
    if source in _NAMED_SOURCES and mistakes.hardest:
        example = command("data", ("SPEC",), image=str(mistakes.hardest[0].image))
        names = f" {example} names the file of an image."
    return (
        f"The last weights of {counted(mistakes.seeds, 'seed')} of the choice, on "
        f"{counted(mistakes.images, 'validation image')}; the hardest images are those that most "
        f"of all {counted(mistakes.runs, 'trained network')} of the search get wrong.{names}"
    )


def confusion_table(inputs: ReportInputs) -> Table:
    """Return the confusions of the choice; no rows where they are not known."""
    mistakes = inputs.verdict.mistakes if inputs.verdict else None
    if mistakes is None:
        return Table((), ())
    return _matrix(mistakes, inputs.data.classes) if mistakes.matrix else _pairs(mistakes)


def hardest_table(inputs: ReportInputs) -> Table:
    """Return the hardest images; no rows where they are not known."""
    mistakes = inputs.verdict.mistakes if inputs.verdict else None
    return _hardest(mistakes) if mistakes else Table((), ())


def _matrix(mistakes: Mistakes, classes: tuple[str, ...]) -> Table:
    rows = tuple(
        (
            text(name, "strong"),
            *(_images(count, label == column) for column, count in enumerate(row)),
        )
        for label, (name, row) in enumerate(zip(classes, mistakes.matrix, strict=True))
    )
    note = "Rows are the labels, columns the predicted classes; images, the mean over the seeds."
    return Table(("label", *classes), rows, note)


def _images(count: float, right: bool) -> Cell:
    tone = "strong" if right else "quiet" if count == 0 else ""
    return number(count, "{:,.0f}" if count.is_integer() else "{:,.1f}", tone)


def _pairs(mistakes: Mistakes) -> Table:
    heads = ("label", "taken for", "images", "of the label, %")
    rows = tuple(
        (
            text(pair.label, "strong"),
            text(pair.predicted),
            _images(pair.images, False),
            number(100 * pair.share, "{:.1f}"),
        )
        for pair in mistakes.pairs
    )
    return Table(heads, rows, "The pairs of classes with the most wrong images.")


def _hardest(mistakes: Mistakes) -> Table:
    heads = ("image", "label", "most often taken for", "wrong", "networks")
    rows = tuple(
        (
            number(image.image, "{}", "strong"),
            text(image.label),
            text(image.predicted),
            number(image.wrong),
            number(mistakes.runs),
        )
        for image in mistakes.hardest
    )
    return Table(heads, rows)
