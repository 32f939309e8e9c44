"""`compound report`: the page of a study, from its store."""

from collections.abc import Sequence
from pathlib import Path

from compound.jobs.regular_file import open_output
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.answer.stored_answer import stored_answer
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.cli.printing.browser import open_in_browser
from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.printing.output import note, note_lost, print_json, say
from compound.orchestrator.losses.study_losses import lost_parts
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.report.guarded import PartFailure
from compound.orchestrator.report.stored_inputs import report_inputs
from compound.orchestrator.wording.commands import command, commented, resuming
from compound.schemas.answer import Answer
from compound.schemas.errors import ReportError, SpecError, after_check, end_with
from compound.schemas.store_uri import bucket_of

REPORT = "report.html"


def report(
    study: str, uri: str | None, output: Path | None, *, as_json: bool, opened: bool = False
) -> None:
    """Write report.html from the store as it is now; with `output` a copy for a browser.

    `opened`: show it in a browser; a report in a bucket needs `output` for that.
    """
    store, stored = find(study, uri)
    lost = lost_parts(store, stored)
    answer = stored_answer(store, stored)
    if answer:
        note(answer.text)
    note_lost(lost)
    drawn = report_or_reason(store, stored, answer)
    if isinstance(drawn, ReportError) and not drawn.path:
        raise drawn
    path = drawn.path if isinstance(drawn, ReportError) else drawn
    for line in OtherRates.of(stored).lines:
        note(line)
    if answer and answer.so_far:
        note(f"next: {commented(resuming(stored.record.resume, study), 'goes on')}")
    if output is not None:
        _copy(store.study(stored.record.spec.name).text(REPORT), output)
        path = str(output)
    elif bucket_of(store.uri):
        name = stored.record.spec.name
        copy = command("report", (name,), store=store.uri, output=f"{name}.html")
        note(f"to open it: {copy}")
    if opened:
        open_in_browser(path)
    if as_json:
        print_json({"report": path, "answer": answer and answer.model_dump(mode="json")})
    else:
        say(path)
    if isinstance(drawn, ReportError):
        raise drawn
    end_with(after_check(sound=not lost))


def _copy(text: str, path: Path) -> None:
    try:
        with open_output(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise refused_as(SpecError, "cannot write", path, error) from None


def write_report(store: ArtifactStore, stored: Documents, answer: Answer | None) -> str:
    """Render a study's report into the store and return its address.

    Raises:
        ReportError: a package that draws the page is not installed, or parts of it failed; then
            its `path` is where the rest is.
    """
    name = stored.record.spec.name
    try:
        from compound.orchestrator.report.page import (
            drawn_page,  # jinja2: nothing else needs it
        )
    except ModuleNotFoundError as error:
        raise ReportError(
            f"the report cannot be drawn: the package {error.name} is not installed here",
            next_step=f"pip install {error.name} && {command('report', (name,), store=store.uri)}",
        ) from error
    folder = store.study(name)
    page = drawn_page(report_inputs(store, stored, answer))
    folder.put_text(REPORT, page.text)
    if page.failures:
        again = command("report", (name,), store=store.uri)
        raise _in_part(page.failures, folder.path(REPORT), again)
    return folder.path(REPORT)


def _in_part(failures: Sequence[PartFailure], path: str, again: str) -> ReportError:
    """Return the error of a page that lacks parts, with the first of their causes."""
    sentences = " ".join(failure.sentence for failure in failures)
    error = ReportError(
        f"{sentences} The rest of the report is drawn",
        where=path,
        next_step=commented(f"{again} --debug", "says where in the code"),
    )
    error.path, error.__cause__ = path, failures[0].error
    return error


def report_or_reason(
    store: ArtifactStore, stored: Documents, answer: Answer | None
) -> str | ReportError:
    """Write a study's report; return its address, or else why it cannot be drawn here."""
    try:
        return write_report(store, stored, answer)
    except ReportError as error:
        return error
