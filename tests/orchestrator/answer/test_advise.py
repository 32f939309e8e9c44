"""Advice: the network within limits, counted exactly, or what would be allowed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.networks.exact_cost import count
from compound.orchestrator.answer import advice_text
from compound.orchestrator.answer.advice_errors import require_device
from compound.orchestrator.answer.advice_limits import amount_of, parsed
from compound.orchestrator.answer.advise import Choice, beyond_choice, choose
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.next_step import training
from compound.orchestrator.answer.options import Options
from compound.orchestrator.design.limits import require_phi
from compound.schemas.answer import AnswerRow, Timing, TrainingCost
from compound.schemas.architecture import Candidate
from compound.schemas.errors import SpecError
from tests.support.answers import searched, study_spec, train_spec, variant, with_family

STUDY = with_family(searched())
ANSWER = answer_of(STUDY)
ALL = [step[0] for step in Options.of(STUDY, ANSWER).steps()]


def seconds(network: Candidate) -> Timing:
    time = 1e-9 * network.cost.macs
    return Timing(median=time, low=time, high=time)


def chosen(inputs: AnswerInputs = STUDY, **limits: str) -> Choice:
    texts = [parsed(name, text) for name, text in limits.items()]
    return choose(inputs, answer_of(inputs), texts, seconds)


def test_quarter_steps_are_built_and_counted_exactly():
    assert [option.row.phi for option in ALL[:6]] == [0, 0.25, 0.5, 0.75, 1, 1.25]
    for option in ALL[:20]:
        assert option.row.params == count(option.network.architecture).params
    costs = [option.row.ratio for option in ALL]
    assert costs == sorted(costs) and len({option.network.id for option in ALL}) == len(ALL)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["params", "macs", "multiple", "gpu_hours"]), place=st.floats(0.02, 0.9)
)
def test_the_choice_is_within_its_limit_and_the_next_is_not(name, place):
    amounts = [amount_of(name, option.row) for option in ALL]
    limit = 1.001 * amounts[int(place * (len(amounts) - 1))]
    choice = choose(STUDY, ANSWER, [parsed("params", "1e15"), _limit(name, limit)], seconds)
    assert amount_of(name, choice.option.row) <= limit
    assert choice.binding == (name,) and amount_of(name, choice.neighbour) > limit


def _limit(name, value):
    return parsed("multiple", "1").model_copy(update={"name": name, "value": value})


def test_of_several_limits_the_tightest_decides():
    loose, tight = chosen(params="500k"), chosen(params="500k", multiple="2")
    assert tight.option.row.phi < loose.option.row.phi
    assert (loose.binding, tight.binding) == (("params",), ("multiple",))


def test_a_trained_network_is_told_as_measured():
    choice = chosen(params="850k")
    assert choice.option.row.phi == 3 and choice.option.row.accuracy.part == "validation"
    assert choice.option.row.training.basis == "measured"
    between = chosen(params="700k").option.row
    assert 2 < between.phi < 3 and between.accuracy.part == "law"
    assert between.training.basis == "scaled"
    assert 0.88 < between.accuracy.value < 0.91


def test_a_latency_is_measured_from_the_smallest_network_on():
    timed = []

    def measure(network: Candidate) -> Timing:
        timed.append(network.id)
        return seconds(network)

    answer = answer_of(STUDY)
    limits = [parsed("latency", "30ms"), parsed("multiple", "1000")]
    choice = choose(STUDY, answer, limits, measure)
    assert choice.latency.median <= 0.03 < choice.beside.median and choice.binding == ("latency",)
    slowest = max(amount_of("macs", o.row) for o in ALL if o.network.id in timed)
    assert len(timed) <= 8 and 1e-9 * slowest <= 2.5 * 0.03
    assert advice_text.why(limits, choice) == (
        "the limit of 30 ms decides: phi 4, the next larger, takes 41.1 ms"
    )
    assert chosen(latency="10s", params="300k").binding == ("params",)


def test_an_accuracy_takes_the_smallest_network_that_should_reach_it():
    choice = chosen(accuracy="0.9")
    assert choice.option.row.accuracy.value >= 0.9 > choice.neighbour.accuracy.value
    assert advice_text.why([parsed("accuracy", "90%")], choice).endswith(
        f"; phi {choice.neighbour.phi:g}, the next smaller, is expected to score "
        f"{100 * choice.neighbour.score:.1f} %"
    )
    assert choice.binding == ("accuracy",)
    low = chosen(accuracy="50%")
    assert low.option.row.phi == 0 and low.neighbour is None
    assert "no network is smaller" in advice_text.why([parsed("accuracy", "50%")], low)
    far = advice_text.sentence(ANSWER, chosen(accuracy="0.96"), None)
    assert "Its accuracy is a prediction far beyond the data" in far


def test_no_smaller_network_is_expected_to_beat_the_best_larger_one():
    inputs = with_family(searched(), {1.0: 0.84, 2.0: 0.9, 3.0: 0.9})
    expected = [
        option.row.accuracy.value
        for (option,) in Options.of(inputs, answer_of(inputs)).steps()
        if option.row.accuracy and option.row.phi <= 3
    ]
    assert max(expected) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("limits", "where", "allowed"),
    [
        ({"params": "1k"}, "--params", "params or more, which phi 0 takes"),
        ({"multiple": "0.5"}, "--multiple", "1.00x the compute or more, which phi 0 takes"),
        ({"gpu_hours": "0.001"}, "--gpu-hours", "0.01 CPU-hours or more"),
        ({"latency": "1us"}, "--latency", "ms or more, which phi 0 takes"),
        ({"accuracy": "0.9", "latency": "1us"}, "--latency", "ms or more"),
        ({"accuracy": "0.9", "latency": "10ms"}, "--accuracy", "% or less, which phi"),
        ({"accuracy": "0.99", "params": "300k"}, "--accuracy", "% or less, which phi"),
    ],
)
def test_where_nothing_fits_the_smallest_is_allowed(limits, where, allowed):
    with pytest.raises(SpecError) as caught:
        chosen(**limits)
    assert caught.value.where == where and allowed in caught.value.allowed


def test_what_an_error_allows_is_enough():
    with pytest.raises(SpecError) as caught:
        chosen(params="1k")
    assert chosen(params=caught.value.allowed.split(" params")[0]).option.row.phi == 0


def test_without_a_law_costs_are_said_and_accuracies_are_not():
    inputs = searched()
    choice = chosen(inputs, params="700k")
    assert choice.option.row.accuracy is None and choice.option.row.training.basis == "scaled"
    answer = answer_of(inputs)
    words = advice_text.sentence(answer, choice, *beyond_choice(inputs, answer, choice.option.row))
    assert "Its accuracy is not known" in words and "far beyond" not in words
    assert "beyond it brings is not known" in words
    with pytest.raises(SpecError, match="no network within the limits is expected to reach 95 %"):
        chosen(inputs, accuracy="0.95")
    with pytest.raises(SpecError, match="no accuracy of any network"):
        chosen(variant(), accuracy="0.5")


def test_a_single_variant_is_scaled_along_its_own_line():
    choice = chosen(variant((0.9,)), multiple="10")
    assert choice.option.row.accuracy is None
    assert choice.option.row.ratio <= 10 < choice.neighbour.ratio


def test_notes_say_what_was_measured_and_what_the_study_cannot_tell():
    level = with_family(searched(), {1.0: 0.84, 2.0: 0.88, 3.0: 0.8801})
    answer, limits = answer_of(level), [parsed("gpu_hours", "0.02")]
    choice = choose(level, answer, limits, seconds)
    notes = list(advice_text.notes(answer, choice, limits))
    assert choice.option.row.phi > 3 and choice.option.row.training.hours <= 0.02
    assert notes[0] == (
        "hours are CPU-hours: the study's jobs have no GPU (cpu of a test, 1 thread)"
    )
    assert any(text.startswith("phi 2 is the largest network that is shown") for text in notes)


def test_a_larger_network_that_scored_less_is_passed_over():
    inputs = with_family(searched(), {1.0: 0.9, 2.0: 0.6, 3.0: 0.7})
    choice = chosen(inputs, multiple="7.5")
    assert choice.option.row.phi == 1
    assert advice_text.why([], choice).startswith("phi 1 scores more: it scored ")
    one = with_family(
        searched(spec=study_spec(search={"seeds": 1})), {1.0: 0.9, 2.0: 0.6, 3.0: 0.7}
    )
    assert chosen(one, multiple="100").option.row.phi == 1, "no law predicts more of larger ones"


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 0.9]), min_size=3, max_size=3),
    multiple=st.floats(1, 20),
    seeds=st.sampled_from([1, 3]),
)
def test_no_smaller_trained_network_within_the_limits_scored_more(scores, multiple, seeds):
    spec = study_spec(search={"seeds": seeds})
    inputs = with_family(searched(spec=spec), dict(zip((1.0, 2.0, 3.0), scores, strict=True)))
    answer = answer_of(inputs)
    rows = [row for row in answer.rows if row.trained]
    picked, advised = answer.row, chosen(inputs, multiple=f"{multiple}").option.row
    assert all(row.score <= picked.score for row in rows if row.ratio <= picked.ratio)
    if advised.trained:
        assert all(row.score <= advised.score for row in rows if row.ratio <= advised.ratio)


@settings(max_examples=40, deadline=None)
@given(targets=st.lists(st.floats(0.5, 0.92), min_size=2, max_size=2))
def test_a_higher_accuracy_never_takes_a_cheaper_network(targets):
    low, high = (chosen(accuracy=f"{target}").option.row for target in sorted(targets))
    assert low.ratio <= high.ratio and low.score >= min(targets)


def test_the_line_ends_where_a_spec_would_be_refused():
    choice = chosen(multiple="1e9")
    assert "no limit binds" in advice_text.why([], choice)
    assert "is refused in a spec" in choice.end
    spec = study_spec(family={"phi": [choice.option.row.phi]})
    candidates = [c.coefficients for c in STUDY.stored.plan.candidates]
    require_phi(spec, STUDY.stored.plan.baseline.architecture, candidates)


def test_an_unsteady_latency_is_said_with_its_spread():
    def noisy(network: Candidate) -> Timing:
        time = seconds(network).median
        return Timing(median=time, low=0.8 * time, high=1.4 * time)

    limits = [parsed("latency", "30ms")]
    notes = list(advice_text.notes(ANSWER, choose(STUDY, ANSWER, limits, noisy), limits))
    assert any("half of the passes took" in note for note in notes)
    assert any("the latency is unsteady" in note for note in notes)
    steady = list(advice_text.notes(ANSWER, choose(STUDY, ANSWER, limits, seconds), limits))
    assert not any("unsteady" in note for note in steady)


def test_hours_that_fall_with_cost_are_said():
    answer = ANSWER.model_copy(
        update={
            "rows": tuple(
                row.model_copy(update={"training": row.training.model_copy(update={"hours": 9.0})})
                if row.phi == 1
                else row
                for row in ANSWER.rows
            )
        }
    )
    notes = [*advice_text.notes(answer, chosen(multiple="4"), [])]
    assert any(note.startswith("phi 1 costs less and took 9 CPU-hours") for note in notes)


def advised(phi: float) -> AnswerRow:
    cost = TrainingCost(hours=0.5, unit="CPU-hours", basis="scaled")
    row = ANSWER.rows[1]
    return row.model_copy(update={"phi": phi, "training": cost})


def test_the_next_command_trains_it_beside_the_family(tmp_path):
    file, here = tmp_path / "s.yaml", str(Path("runs").resolve())
    file.write_text("")
    typed = f"compound run {file} --set 'family.phi=[1]' --set seed=3 --runner local"
    step = training(study_spec(), typed, advised(2.25), here)
    added = "--set seed=3 --runner local --set 'family.phi=[1, 2, 2.25, 3]'"
    assert step.command == f"compound run {file} {added}"
    assert step.notes == ("it trains 1 job, about 0.5 CPU-hours",)
    moved = training(study_spec(), typed, advised(2.25), "s3://bucket/runs")
    assert moved.command.endswith(" --set store=s3://bucket/runs")


def test_a_wide_family_is_not_trained_for_the_sake_of_one_network(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("")
    wide = study_spec(family={"along": ["choice", "depth", "published"], "seeds": 3})
    step = training(wide, f"compound run {file}", advised(2.25), "runs")
    assert step.command == (
        f"compound run {file} --set 'family.phi=[2.25]' --set 'family.along=[choice]' "
        "--set family.seeds=1 --set name=answered-phi2-25"
    )
    assert step.notes[0].startswith("it trains 1 job, about 0.5 CPU-hours, as the study answered-")
    other = advised(2.25).model_copy(update={"way": "published"})
    step = training(wide, f"compound run {file}", other, "runs")
    assert "'family.along=[choice, published]'" in step.command
    assert step.notes[0].startswith("it trains 2 jobs, about 1 CPU-hours")


@pytest.mark.parametrize("typed", ["", "compound run --plan p.json", "compound run gone.yaml"])
def test_a_spec_that_is_not_here_is_written_from_the_store_first(typed):
    step = training(study_spec(), typed, advised(2.25), "runs")
    assert step.command == (
        "compound init answered.yaml --from-study answered --store runs && "
        "compound run answered.yaml --set 'family.phi=[1, 2, 2.25, 3]'"
    )
    assert "the first command writes it from the store" in step.notes[0]


def test_a_variant_of_another_phi_is_another_study(tmp_path):
    file = tmp_path / "v.yaml"
    file.write_text("")
    step = training(train_spec(), f"compound run {file}", advised(2.75), "runs")
    assert step.command == f"compound run {file} --set phi=2.75 --set name=variant-phi2-75"


def test_hours_of_the_other_device_are_refused_or_named():
    limits = [parsed("cpu_hours", "45s")]
    require_device(limits, ANSWER)
    gpu = [
        row.model_copy(update={"training": row.training.model_copy(update={"unit": "GPU-hours"})})
        for row in ANSWER.rows
    ]
    with pytest.raises(SpecError, match="train on GPUs"):
        require_device(limits, ANSWER.model_copy(update={"rows": tuple(gpu)}))
