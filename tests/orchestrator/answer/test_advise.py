"""Advice: the network within limits, counted exactly, or what would be allowed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.networks.exact_cost import count
from compound.orchestrator.answer import advice_text
from compound.orchestrator.answer.advice_limits import amount_of, parsed
from compound.orchestrator.answer.advise import Choice, beyond_choice, choose
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.options import Options
from compound.schemas.architecture import Candidate
from compound.schemas.errors import SpecError
from tests.support.answers import searched, study_spec, train_spec, variant, with_family

STUDY = with_family(searched())
ANSWER = answer_of(STUDY)
ALL = [step[0] for step in Options.of(STUDY, ANSWER).steps()]


def seconds(network: Candidate) -> float:
    return 1e-9 * network.cost.macs


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

    def measure(network: Candidate) -> float:
        timed.append(network.id)
        return seconds(network)

    answer = answer_of(STUDY)
    limits = [parsed("latency", "30ms"), parsed("multiple", "1000")]
    choice = choose(STUDY, answer, limits, measure)
    assert choice.latency <= 0.03 < choice.beside and choice.binding == ("latency",)
    slowest = max(amount_of("macs", o.row) for o in ALL if o.network.id in timed)
    assert len(timed) <= 8 and 1e-9 * slowest <= 2.5 * 0.03
    assert advice_text.why(limits, choice) == (
        "the limit of 30 ms decides: phi 4, the next larger, takes 41.1 ms"
    )
    assert chosen(latency="10s", params="300k").binding == ("params",)


def test_an_accuracy_takes_the_smallest_network_that_should_reach_it():
    choice = chosen(accuracy="0.9")
    assert choice.option.row.accuracy.value >= 0.9 > choice.neighbour.accuracy.value
    assert choice.binding == ("accuracy",)
    low = chosen(accuracy="50%")
    assert low.option.row.phi == 0 and low.neighbour is None
    assert "smallest" in advice_text.why([parsed("accuracy", "50%")], low)
    far = chosen(accuracy="0.978")
    assert "a prediction far beyond the data" in advice_text.sentence(ANSWER, far, None)


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
    words = advice_text.sentence(answer, choice, beyond_choice(inputs, answer, choice.option.row))
    assert "its accuracy is not known" in words and "beyond it brings is not known" in words
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


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (
            "compound run s.yaml --set 'family.phi=[1]' --set seed=3 --runner local",
            "compound run s.yaml --set seed=3 --runner local --set 'family.phi=[1, 2, 2.25, 3]'",
        ),
        ("", "compound run SPEC --set 'family.phi=[1, 2, 2.25, 3]'"),
        ("compound run --plan p.json", "compound run SPEC --set 'family.phi=[1, 2, 2.25, 3]'"),
        ("compound retry study", "compound run SPEC --set 'family.phi=[1, 2, 2.25, 3]'"),
    ],
)
def test_the_next_command_trains_it_beside_the_family(typed, command):
    assert advice_text.training_command(study_spec(), typed, 2.25) == command


def test_a_variant_of_another_phi_is_another_study():
    command = advice_text.training_command(train_spec(), "compound run v.yaml", 2.75)
    assert command == "compound run v.yaml --set phi=2.75 --set name=variant-phi2-75"
