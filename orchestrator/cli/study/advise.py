"""`compound advise`: the network to take for so many hours, parameters, milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.analyse.after_failures import after_failures
from compound.orchestrator.answer import advice_text
from compound.orchestrator.answer.advice_errors import none_learned, nothing_chosen, require_device
from compound.orchestrator.answer.advice_limits import ALLOWED, option_of, parsed
from compound.orchestrator.answer.advise import Choice, beyond_choice, choose
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.choice_line import coefficients_of
from compound.orchestrator.answer.lines import jobs_of
from compound.orchestrator.answer.next_step import NextStep, training
from compound.orchestrator.answer.notes import row_notes
from compound.orchestrator.answer.stored_answer import answer_inputs, work_in
from compound.orchestrator.choose.no_better_than_chance import rate_setting, remedy
from compound.orchestrator.cli.printing.named_study import find, is_spec
from compound.orchestrator.cli.printing.output import note_lost, print_json, say
from compound.orchestrator.cli.study.failures import stored_failures
from compound.orchestrator.losses.study_losses import lost_parts
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.stored_weights import has_weights
from compound.orchestrator.wording.commands import command, commented, resuming, with_settings
from compound.orchestrator.wording.network_names import label_of
from compound.schemas.answer import Advice, Answer, Limit, LimitName, Timing
from compound.schemas.architecture import Architecture, Candidate
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.errors import SpecError, after_advice, end_with
from compound.schemas.study import StudySpec

_PLANNED_ONLY = (
    "only planned networks: to build others runs your factory's code, which takes --allow-import"
)
_UNSETTLED = "the search goes on, and may choose another network: finish it first"
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
    typed, work = resuming(stored.record.resume, study), work_in(store, stored)
    inputs = answer_inputs(store, stored, _networks(study, options))
    if inputs is None or coefficients_of(stored) is None:
        raise nothing_chosen(spec.name, work, _helping(store, stored, typed))
    answer = answer_of(inputs)
    if answer.chance:
        raise none_learned(spec.name, answer.chance, _changed(stored, typed))
    require_device(limits, answer)
    choice = choose(inputs, answer, limits, _latency)
    following = _next_step(store, stored, choice, typed)
    following = NextStep(typed) if work.deciding else following
    advice = _advice(inputs, answer, limits, choice, following)
    unsettled = (_UNSETTLED,) if work.deciding else ()
    advice = advice.model_copy(update={"so_far": work.text, "notes": (*unsettled, *advice.notes)})
    if isinstance(spec.baseline, FactoryBaseline) and not options.allow_import:
        advice = advice.model_copy(update={"notes": (*advice.notes, _PLANNED_ONLY)})
    _print(advice, as_json=options.as_json)
    end_with(after_advice(settled=not work.deciding, sound=not lost))


def _changed(stored: Documents, typed: str) -> str:
    """Return what may make a study's networks learn, as a command where that is one setting."""
    spec = stored.record.spec
    if not isinstance(spec, StudySpec):
        return "lower the learning rate, train longer, or check the labels"
    setting, why = rate_setting(spec), remedy(spec)
    return commented(with_settings(typed, [setting]), why) if setting else why


def _helping(store: ArtifactStore, stored: Documents, typed: str) -> str:
    """Return the command that helps a study which has chosen nothing."""
    spec, groups = stored.record.spec, stored_failures(store, stored)
    retry = command("retry", (spec.name,), store=spec.store)
    steps = after_failures(groups, spec, typed, retry, stored.recipe_check)
    return next(iter(steps), commented(typed, "goes on"))


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


def _latency(candidate: Candidate) -> Timing:
    """Time a network for one image on this machine."""
    from compound.jobs.probe.latency import measure  # torch, which no other limit needs

    if not isinstance(candidate.architecture, Architecture):
        raise SpecError(
            "the latency of a network of your own code cannot be measured here",
            where="--latency",
            allowed="another limit",
        )
    times = measure([candidate.architecture], limit=LATENCY_S)[0]
    low, high = times.quartiles
    return Timing(median=times.median, low=low, high=high)


def _advice(
    inputs: AnswerInputs, answer: Answer, limits: list[Limit], choice: Choice, following: NextStep
) -> Advice:
    beyond, following_phi = beyond_choice(inputs, answer, choice.option.row)
    assert answer.coefficients is not None
    notes = [
        *advice_text.notes(answer, choice, limits),
        *row_notes(choice.option.row, inputs.stored),
        *following.notes,
    ]
    time = choice.latency
    return Advice(
        study=inputs.stored.record.spec.name,
        limits=tuple(limits),
        binding=choice.binding,
        level=answer.level,
        coefficients=answer.coefficients,
        row=choice.option.row,
        latency=time.median if time else None,
        latency_spread=(time.low, time.high) if time else None,
        beyond=beyond,
        sentence=advice_text.sentence(answer, choice, beyond, following_phi),
        why=advice_text.why(limits, choice),
        next_step=following.command,
        notes=tuple(dict.fromkeys(notes)),
    )


def _next_step(store: ArtifactStore, stored: Documents, choice: Choice, typed: str) -> NextStep:
    """Return the command that trains the network, or exports it where it is trained."""
    row, spec = choice.option.row, stored.record.spec
    if not row.trained:
        return training(spec, typed, row, store.uri)
    jobs = jobs_of(stored, choice.option.network)
    exportable = next((job for job in jobs if has_weights(store, job)), None)
    if exportable is None:
        note = "it is trained, and the store has no weights of it"
        return NextStep(command("report", (spec.name,), store=store.uri), (note,))
    way = "" if row.way == "choice" else f"-{row.way}"
    target = f"{spec.name}{way}-phi{row.phi:g}.safetensors"
    return NextStep(command("export", (exportable, target), store=store.uri))


def _print(advice: Advice, *, as_json: bool) -> None:
    if as_json:
        print_json(advice.model_dump(mode="json"))
        return
    row = advice.row
    counts = "" if row.params is None else f"; {row.params:,} params, {row.macs:,} MACs"
    say(f"So far ({advice.so_far}): {advice.sentence}" if advice.so_far else advice.sentence)
    say(f"why: {advice.why}")
    name = label_of(row.depth, row.width, row.resolution) or "a network"
    size = f"depth x {row.depth:.3g}, width x {row.width:.3g}, {row.resolution} px{counts}"
    say(f"network: {name}, {size}")
    for note in advice.notes:
        say(f"note: {note}")
    say(f"next: {advice.next_step}")
