"""What `compound run` prints when it ends: the verdict, the family, and what to type next."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer.stored_answer import stored_answer
from compound.orchestrator.answer.study_warnings import study_warnings
from compound.orchestrator.cli.printing.along_table import show_along
from compound.orchestrator.cli.printing.final_table import show_final
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.printing.phi_table import say_answer, show_phis
from compound.orchestrator.cli.study.report import report_or_reason
from compound.orchestrator.forecast.budget_check import exceeded
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.study_networks import names_of_study
from compound.orchestrator.study import Outcome
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import short
from compound.orchestrator.wording.ranked_warnings import first_few
from compound.schemas.answer import Answer
from compound.schemas.errors import ReportError
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Member
from compound.schemas.study import AnySpec

Reached = Outcome | Literal["spent", "failed"]
"""`spent`: stopped at the budget's limit; `failed`: nothing of the search can be used."""


MEMBERS = (">phi", "network", ">cost", ">params", ">MACs", ">pixels", "status", ">accuracy")
KEEP = ("phi", "network", "accuracy", "status")


@dataclass(frozen=True)
class RunSummary:
    """How a run ended, and how to print it."""

    ending: Reached
    following: str
    """The command that takes the study further; "" where it is done."""
    after_failures: list[str]
    """The commands that help where jobs failed."""
    failed: int
    """Jobs of the study that ended failed, in this command or an earlier one."""
    as_json: bool
    drawn: bool = True
    """Whether a report is wanted."""
    rehearsal: bool = False
    """Whether each job trained two batches only: what such jobs show is no warning."""


class Summarised(NamedTuple):
    """How a run ended, as it was printed."""

    missing: ReportError | None
    """Why there is no report."""
    failed: int
    """Jobs that failed."""
    tested: bool
    """Whether every network that was to be evaluated on the test part was."""
    after_failures: list[str]
    """The commands that help where jobs failed."""


def show(store: ArtifactStore, stored: Documents, summary: RunSummary) -> ReportError | None:
    """Write the report and print what a run has found, or its last line of JSON.

    Returns why there is no report, where one is wanted and cannot be drawn here.
    """
    if summary.drawn:
        note("drawing the report ...")
    answer = stored_answer(store, stored)
    drawn = report_or_reason(store, stored, answer) if summary.drawn else None
    report = drawn.path or None if isinstance(drawn, ReportError) else drawn
    missing = drawn if isinstance(drawn, ReportError) else None
    if summary.ending == "failed" and not summary.as_json:
        if drawn:
            note(f"report: {drawn}")
        return missing
    if summary.as_json:
        print_json(_in_json(store, stored, summary, answer, report), indent=None)
        return missing
    say()
    say_answer(answer)
    _say_verdict(stored)
    show_phis(answer)
    _show_members(store, stored)
    show_final(stored.test, names_of_study(stored))
    if stored.law:
        say("", stored.law.sentence)
    show_along(stored.along, answer)
    spec = stored.record.spec
    every = command("status", (spec.name,), store=spec.store, warnings=True)
    for line in first_few(_warnings(stored), every) if not summary.rehearsal else ():
        note(line)
    _say_next(stored.record.spec, summary, report)
    return missing


def _warnings(stored: Documents) -> list[str]:
    """Return what a study's documents warn of."""
    with_warnings = (stored.verdict, stored.gate, stored.along, stored.test)
    outdated = [stored.test.outdated] if stored.test else []
    parts = [part.warnings for part in with_warnings if part]
    return study_warnings(stored.record.spec, stored.data, outdated, *parts)


def _show_members(store: ArtifactStore, stored: Documents) -> None:
    """Print how many jobs of each member of the family are done, where it is not all of them.

    The table of phi says the rest.
    """
    members = family_rows(store, stored)
    if any(row["done"] < row["jobs"] for row in members):
        print_table("\nmembers", MEMBERS, [_member_cells(row) for row in members], KEEP)


def _member_cells(row: dict[str, Any]) -> list[str]:
    accuracy = row["accuracy"]
    return [
        f"{row['phi']:g}",
        row["network"],
        f"{row['ratio']:.2f}x",
        f"{row['params']:,}",
        short(row["macs"]),
        str(row["resolution"]),
        f"{row['done']} of {row['jobs']} done",
        "" if accuracy is None else f"{accuracy:.2%}",
    ]


def _say_next(spec: AnySpec, summary: RunSummary, report: str | None) -> None:
    """Print where the report is, and every command that may follow."""
    commands = [command(name, (spec.name,), store=spec.store) for name in ("status", "metrics")]
    if report is None:
        drawing = command("report", (spec.name,), store=spec.store)
        commands.append(f"{drawing}    # there is no report yet")
    helping = (*summary.after_failures, summary.following, *commands)
    steps = [f"  {step}" for step in helping if step]
    say("", f"report: {report or 'not made'}", "next:", *steps)


def _in_json(
    store: ArtifactStore,
    stored: Documents,
    summary: RunSummary,
    answer: Answer | None,
    report: str | None,
) -> dict[str, Any]:
    parts = {
        "recipe_check": stored.recipe_check,
        "answer": answer,
        "verdict": stored.verdict,
        "sensitivity": stored.sensitivity,
        "gate": stored.gate,
        "law": stored.law,
        "along": stored.along,
        "spent": stored.spent,
        "test": stored.test,
    }
    return {
        "study": stored.record.spec.name,
        "store": store.uri,
        "status": summary.ending,
        "failed": summary.failed,
        "warnings": _warnings(stored),
        **{name: part.model_dump(mode="json") if part else None for name, part in parts.items()},
        "family": family_rows(store, stored),
        "report": report,
    }


def _say_verdict(stored: Documents) -> None:
    """Print the reason for the choice, and what to know of the verdict that was said first."""
    if stored.verdict:
        say("", f"{stored.verdict.reason} {stored.verdict.beside}".rstrip())
        images = stored.verdict.images
        if images and images.sentence and not images.unknown:
            say(images.sentence)
    if stored.sensitivity:
        say(stored.sensitivity.sentence)
    if stored.gate:
        say(stored.gate.sentence)


def further(stored: Documents, ending: Reached) -> tuple[list[str], str]:
    """Return the settings that take a study further, and what they do; "" where it is done."""
    if ending == "stopped":
        return [], "resumes"
    if ending == "closed":
        return ["gate=warn"], "trains the family in spite of the gate"
    if ending == "spent" and stored.spent:
        budget = stored.record.spec.budget
        names = [name for name, _ in exceeded(budget, stored.spent)]
        return [f"budget.{name}={2 * getattr(budget, name):g}" for name in names], "goes on"
    return [], ""


def family_rows(store: ArtifactStore, stored: Documents) -> list[dict[str, Any]]:
    """Return each member on the choice's line with its cost and mean accuracy."""
    members = stored.family.line if stored.family else ()
    names = names_of_study(stored)
    return [_family_row(member, store, names[member.network.id]) for member in members]


def _family_row(member: Member, store: ArtifactStore, name: str) -> dict[str, Any]:
    results = store.results([job.request.job.id for job in member.jobs])
    scores = [r.metrics[ACCURACY] for r in results.values() if r.status == "done"]
    return {
        "phi": member.phi,
        "network": name,
        "architecture": member.network.id,
        "ratio": member.network.ratio,
        **member.network.cost.model_dump(),
        "resolution": member.network.architecture.resolution,
        "jobs": len(member.jobs),
        "done": len(scores),
        "accuracy": sum(scores) / len(scores) if scores else None,
    }
