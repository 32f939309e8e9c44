"""`compound advise`: the network to take for so many hours, parameters, milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer import advice_text, answer_text
from compound.orchestrator.answer.advice_errors import nothing_chosen
from compound.orchestrator.answer.advice_limits import ALLOWED, option_of, parsed
from compound.orchestrator.answer.advise import Choice, beyond_choice, choose
from compound.orchestrator.answer.answer import AnswerInputs, answer_of
from compound.orchestrator.answer.choice_line import choice_line, coefficients_of
from compound.orchestrator.answer.stored_answer import answer_inputs
from compound.orchestrator.cli.printing.output import note_lost, print_json, say
from compound.orchestrator.cli.status import find, is_spec
from compound.orchestrator.losses.study_losses import lost_parts
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.wording.commands import command
from compound.schemas.answer import Advice, Answer, Limit, LimitName
from compound.schemas.architecture import Architecture, Candidate
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.errors import SpecError, after_check, end_with

_PLANNED_ONLY = (
    "only planned networks: to build others runs your factory's code, which takes --allow-import"
)
LATENCY_S = 10.0
"""Seconds after which no further pass of a network is timed."""


@dataclass(frozen=True)
class Options:
    """What the command line adds to a study's name."""

    texts: Mapping[LimitName, str | None]
    """The limits as they were typed."""
    store: str | None
    allow_import: bool
    as_json: bool


def advise(study: str, options: Options) -> None:
    """Print the network of a study's line for some limits.

    Raises SpecError: no limit is named or one is no number, no network fits, or the study has
    chosen nothing to scale by.
    """
    limits = _limits(study, options)
    store, stored = find(study, options.store)
    lost = lost_parts(store, stored)
    note_lost(lost)
    spec = stored.record.spec
    typed = stored.record.resume or command("run", (study if is_spec(study) else "SPEC",))
    inputs = answer_inputs(store, stored, _networks(study, options))
    if inputs is None or coefficients_of(stored) is None:
        raise nothing_chosen(spec.name, typed)
    answer = answer_of(inputs)
    choice = choose(inputs, answer, limits, _latency)
    following = _next_step(store, stored, choice, typed)
    advice = _advice(inputs, answer, limits, choice, following)
    if isinstance(spec.baseline, FactoryBaseline) and not options.allow_import:
        advice = advice.model_copy(update={"notes": (*advice.notes, _PLANNED_ONLY)})
    _print(advice, as_json=options.as_json)
    end_with(after_check(sound=not lost))


def _limits(study: str, options: Options) -> list[Limit]:
    named = [parsed(name, text) for name, text in options.texts.items() if text is not None]
    if not named:
        raise SpecError(
            "no limit is named",
            where="advise",
            allowed=f"one or more of {', '.join(map(option_of, ALLOWED))}",
            next_step=command("advise", (study,), multiple=16, store=options.store),
        )
    return named


def _networks(study: str, options: Options) -> Networks:
    """Return what scales the baseline; code of a user's own only where that is allowed."""
    if not options.allow_import:
        return Networks()
    folders = (Path.cwd(), *((Path(study).resolve().parent,) if is_spec(study) else ()))
    return Networks(tuple(dict.fromkeys(map(str, folders))))


def _latency(candidate: Candidate) -> float:
    """Return the seconds that a network takes for one image on this machine."""
    from compound.jobs.probe.latency import measure  # torch, which no other limit needs

    if not isinstance(candidate.architecture, Architecture):
        raise SpecError(
            "the latency of a network of your own code cannot be measured here",
            where="--latency",
            allowed="another limit",
        )
    return measure([candidate.architecture], limit=LATENCY_S)[0].median


def _advice(
    inputs: AnswerInputs, answer: Answer, limits: list[Limit], choice: Choice, following: str
) -> Advice:
    beyond = beyond_choice(inputs, answer, choice.option.row)
    assert answer.coefficients is not None
    return Advice(
        study=inputs.stored.record.spec.name,
        limits=tuple(limits),
        binding=choice.binding,
        level=answer.level,
        coefficients=answer.coefficients,
        row=choice.option.row,
        latency=choice.latency,
        beyond=beyond,
        sentence=advice_text.sentence(answer, choice, beyond),
        why=advice_text.why(limits, choice),
        next_step=following,
        notes=(
            *advice_text.notes(answer, choice, limits),
            *answer_text.better_ways(inputs.stored.along),
        ),
    )


def _next_step(store: ArtifactStore, stored: Documents, choice: Choice, typed: str) -> str:
    """Return the command that trains the network, or exports it where it is trained."""
    row, spec = choice.option.row, stored.record.spec
    jobs = [
        job.request.job.id
        for entry in choice_line(stored)
        if entry.network.id == choice.option.network.id
        for job in entry.jobs
    ]
    exportable = [job for job in jobs if store.checkpoints(job)]
    if row.trained and exportable:
        target = f"{spec.name}-phi{row.phi:g}.safetensors"
        return command("export", (exportable[0], target), store=store.uri)
    if row.trained:
        return command("report", (spec.name,), store=store.uri)
    return advice_text.training_command(spec, typed, row.phi)


def _print(advice: Advice, *, as_json: bool) -> None:
    if as_json:
        print_json(advice.model_dump(mode="json"))
        return
    row = advice.row
    counts = "" if row.params is None else f"; {row.params:,} params, {row.macs:,} MACs"
    say(advice.sentence)
    say(f"why: {advice.why}")
    say(f"network: depth x {row.depth:.3g}, width x {row.width:.3g}, {row.resolution} px{counts}")
    for note in advice.notes:
        say(f"note: {note}")
    say(f"next: {advice.next_step}")
