"""The answer: which network is taken, from which accuracies, and every outcome in words."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.choice_line import choice_line
from compound.schemas.answer import Answer
from compound.schemas.final_evaluation import EvaluatedPart, FinalTest, NetworkScore
from compound.schemas.plan import FamilyPlan
from tests.support.answers import (
    FLAT,
    MIXED,
    WIDE,
    done,
    searched,
    study_spec,
    train_spec,
    variant,
    with_family,
)


def rows_at(answer: Answer) -> dict[float, bool]:
    return {row.phi: row.trained for row in answer.rows}


def test_the_largest_network_that_is_worth_it_is_the_answer():
    answer = answer_of(with_family(searched()))
    assert rows_at(answer) == {0: True, 1: True, 2: True, 3: True, 4: False}
    assert [row.doubling and row.doubling.worth for row in answer.rows] == [
        *(None, True, True, True, None)
    ]
    assert answer.phi == 3 and answer.sentence.startswith(
        "For 7.26x the compute (MACs): the choice, phi 3, 840 k params, 91.0 % on validation "
        "images. It has alpha 1.6"
    )
    assert ", 32 px; one training takes 0.01 CPU-hours; the 90 % interval of" in answer.sentence
    assert "A doubling beyond it is expected to bring" in answer.sentence
    assert answer.scaling.startswith("Compound scaling gains ")


def test_networks_beyond_it_are_not_shown_to_be_worth_it():
    answer = answer_of(with_family(searched(), {1.0: 0.84, 2.0: 0.88, 3.0: 0.8801}))
    assert answer.phi == 2 and answer.rows[3].doubling.worth is False
    assert "Phi 3 beyond it is not shown to be worth it: 0.01 points (" in answer.sentence
    worse = answer_of(with_family(searched(), {1.0: 0.84, 2.0: 0.88, 3.0: 0.7}))
    assert worse.phi == 2 and "Phi 3 beyond it is worse: -" in worse.sentence


def test_where_nothing_larger_is_worth_it_the_baseline_is_the_answer():
    level = dict.fromkeys(MIXED, 0.8)
    answer = answer_of(with_family(searched(level), {1.0: 0.8, 2.0: 0.8, 3.0: 0.79}))
    assert answer.phi == 0
    assert answer.sentence.startswith(
        "No larger network is shown to be worth its cost: the baseline ("
    )
    assert "% on validation images" in answer.sentence


@pytest.mark.parametrize(
    ("scores", "changes", "first", "last"),
    [
        (MIXED, {}, "Compound scaling gains ", ")."),
        (WIDE, {}, "Compound scaling loses ", "Width alone is chosen instead."),
        (FLAT, {}, "Compound scaling brought nothing that this study can show", "be as good."),
        (MIXED, {"search": {"seeds": 1}}, "Undecided: ", "the noise is unknown."),
        (MIXED, {"search": {"controls": []}}, "No verdict on compound scaling: ", "."),
    ],
)
def test_what_compound_scaling_brought_follows_the_sentence(scores, changes, first, last):
    answer = answer_of(searched(scores, study_spec(**changes)))
    assert answer.text == f"{answer.sentence} {answer.scaling}"
    assert answer.scaling.startswith(first) and answer.scaling.endswith(last), answer.scaling


def test_one_seed_each_shows_no_noise():
    answer = answer_of(with_family(searched(spec=study_spec(search={"seeds": 1}))))
    assert answer.phi == 3 and all(
        row.accuracy.low is None for row in answer.rows if row.trained and row.accuracy
    )
    assert "One seed each shows no noise, so whether it is worth its cost" in answer.sentence


def test_without_an_interval_what_brought_nothing_is_not_the_answer():
    one = searched(spec=study_spec(search={"seeds": 1}))
    answer = answer_of(with_family(one, {1.0: 0.84, 2.0: 0.5, 3.0: 0.4}))
    assert answer.phi == 1
    assert "Phi 2 beyond it scored less: -" in answer.sentence
    assert "points (no interval) a doubling. One seed each shows no noise" in answer.sentence


def test_a_family_of_one_seed_takes_the_noise_of_the_search():
    answer = answer_of(with_family(searched()))
    assert answer.notes == ("phi 2 and 3: one seed; the noise between seeds is the search's",)
    assert all(row.accuracy.low < row.accuracy.value < row.accuracy.high for row in answer.rows)


def test_the_choice_is_told_by_seeds_that_did_not_choose_it():
    inputs = searched(FLAT)
    row = answer_of(inputs).rows[1]
    assert row.validation.value == inputs.stored.verdict.worth.value
    assert row.accuracy.low < row.validation.low, "images widen what seeds alone leave open"


def test_networks_of_another_recipe_are_not_compared():
    spec = study_spec(search={"train": {"epochs": 1}})
    answer = answer_of(with_family(searched(spec=spec)))
    assert [row.recipe for row in answer.rows] == ["search", *4 * ["family"]]
    assert answer.rows[1].doubling is None and answer.rows[2].doubling.worth
    assert any("phi 0: trained by the search's recipe" in note for note in answer.notes)
    with_one = searched(spec=study_spec(family={"phi": [1]}))
    bare = answer_of(with_family(with_one, {1.0: 0.84}))
    assert bare.phi == 1 and bare.rows[1].doubling.worth


def test_a_failed_member_is_left_out_and_predicted():
    answer = answer_of(with_family(searched(), {1.0: 0.84, 2.0: None, 3.0: 0.9}))
    assert rows_at(answer) == {0: True, 1: True, 2: False, 3: True, 4: False}
    assert answer.rows[2].accuracy.part == "law"
    assert any(note.startswith("phi 2: not trained, and predicted") for note in answer.notes)


def test_all_failed_and_nothing_yet_are_said():
    answer = answer_of(searched(breaks=True))
    no_score = "There is no answer: no network of the search has a score, so none can be chosen."
    assert answer.sentence == no_score
    inputs = searched()
    early = replace(inputs, stored=replace(inputs.stored, verdict=None), results={})
    assert answer_of(early).sentence.startswith("There is no answer yet")


def test_a_power_law_and_a_family_of_an_earlier_choice_are_left_out():
    inputs = with_family(searched())
    moved = inputs.stored.family.model_copy(
        update={"coefficients": inputs.stored.plan.candidates[0].coefficients}
    )
    answer = answer_of(replace(inputs, stored=replace(inputs.stored, family=moved)))
    assert rows_at(answer) == {0: True, 1: True}


def test_a_far_prediction_is_said_to_be_far():
    spec = study_spec(family={"predict": [8]})
    answer = answer_of(with_family(searched(spec=spec)))
    assert answer.phi == 3, "a prediction is no network that was worth it"
    assert any(note.startswith("phi 8: predicted far beyond the data") for note in answer.notes)


def test_members_off_the_choices_line_have_no_row():
    family = with_family(searched()).stored.family
    members = [member.model_copy() for member in family.members]
    members[0].__dict__["along"] = "depth"
    beside = FamilyPlan.model_construct(**{**family.__dict__, "members": tuple(members)})
    assert [member.phi for member in beside.line] == [2, 3]


def test_a_phi_that_is_the_baseline_has_no_row_of_its_own():
    spec = study_spec(family={"phi": [0, 1, 2, 3]})
    inputs = with_family(searched(spec=spec), {0.0: 0.7, 1.0: 0.84, 2.0: 0.88, 3.0: 0.91})
    assert [entry.phi for entry in choice_line(inputs.stored)] == [0, 1, 2, 3]


def score_of(network: str, name: str, jobs: list[str], accuracy: float) -> NetworkScore:
    from compound.orchestrator.analyse.final_scores import seed_score

    inputs = with_family(searched())
    planned = {job.request.job.id: job for job in inputs.stored.jobs}
    metrics = {"test_accuracy": accuracy, "test_images": 400, "test_loss": 0.5}
    seeds = tuple(
        seed_score(
            planned[job],
            inputs.results[job],
            done(job, accuracy).model_copy(update={"metrics": metrics}),
            0.9,
            weights="w" * 16,
            content="c" * 16,
        )
        for job in jobs
    )
    return NetworkScore(
        role="family",
        network=network,
        name=name,
        phi=3,
        planned=1,
        seeds=seeds,
        accuracy=accuracy,
        low=accuracy - 0.03,
        high=accuracy + 0.03,
    )


def test_the_test_part_reports_and_validation_decides():
    inputs = with_family(searched())
    member = inputs.stored.family.members[-1]
    jobs = [job.request.job.id for job in member.jobs]
    part = EvaluatedPart(images=400, content="c" * 16)
    final = FinalTest(
        level=0.9,
        part=part,
        images=400,
        networks=(score_of(member.network.id, "phi 3", jobs, 0.7),),
        sentence="",
    )
    answer = answer_of(replace(inputs, stored=replace(inputs.stored, test=final)))
    assert answer.phi == 3, "a low test accuracy takes no part in the choice"
    assert "70.0 % on test images. It has" in answer.sentence
    assert "interval of its accuracy is 67.0 to 73.0 %" in answer.sentence
    assert {row.accuracy.part for row in answer.rows} == {"validation", "test", "law"}
    gone = final.model_copy(update={"outdated": "the test part has changed"})
    withdrawn = answer_of(replace(inputs, stored=replace(inputs.stored, test=gone)))
    assert "91.0 % on validation images" in withdrawn.sentence


def test_one_scaled_network_says_what_it_can():
    bare = answer_of(variant())
    assert bare.phi is None and bare.sentence.endswith("It has no score yet.")
    assert bare.rows[1].training.basis == "forecast"
    answer = answer_of(variant((0.9, 0.92), train_spec(seeds=2)))
    assert answer.phi == 2 and "91.0 % on validation images. It has" in answer.sentence
    assert "One network alone does not say what a doubling of cost brings." in answer.sentence
    assert answer.scaling == ""


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_no_study_gives_an_impossible_number_or_contradicts_itself(data):
    score = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0.01, 0.99))
    scores = {role: min(max(data.draw(score), 0.001), 0.999) for role in MIXED}
    family = {phi: data.draw(st.one_of(st.none(), score)) for phi in (1.0, 2.0, 3.0)}
    spec = study_spec(search={"seeds": data.draw(st.integers(1, 3))})
    inputs = with_family(searched(scores, spec), family)
    answer, outcome = answer_of(inputs), inputs.stored.verdict.outcome
    for row in answer.rows:
        for reached in filter(None, (row.accuracy, row.validation)):
            low, high = (reached.low, reached.high)
            assert 0 <= reached.value <= 1
            assert low is None or high is None or 0 <= low <= reached.value <= high <= 1
        assert row.training is None or row.training.hours > 0
        gain = row.doubling
        if gain and gain.low is not None and gain.high is not None:
            assert -1 <= gain.low <= gain.gain <= gain.high <= 1
    assert "nan" not in answer.text and "inf" not in answer.text.replace("infor", "")
    if answer.row and answer.phi:
        assert answer.row.doubling is None or answer.row.doubling.worth is not False
    assert ("brought nothing" in answer.scaling) <= (outcome == "no gain")


def test_the_two_accuracies_of_the_choice_are_told_apart():
    inputs = searched(FLAT)
    verdict = inputs.stored.verdict
    worth = verdict.worth.model_copy(update={"value": verdict.worth.value - 0.01, "low": 0.7})
    moved = replace(inputs.stored, verdict=verdict.model_copy(update={"worth": worth}))
    (note,) = [text for text in answer_of(replace(inputs, stored=moved)).notes if "luck" in text]
    assert note.startswith(f"phi 1: {100 * worth.value:.1f} % is what seeds that took no part")
