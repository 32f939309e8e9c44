"""The report: complete and partial inputs, escaping, and that it needs nothing from outside."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace

import numpy as np
import pytest

from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.report.figures.triangle import HEIGHT
from compound.orchestrator.report.inputs import ReportInputs, all_jobs
from compound.orchestrator.report.page import render
from compound.orchestrator.report.sections import tables
from compound.orchestrator.report.sections.rates_section import rates_table
from compound.orchestrator.scale.family import plan_train
from compound.schemas.outcomes.recipe_check import (
    Difference,
    RateScore,
    RecipeCheck,
    Sensitivity,
)
from compound.schemas.study import SPEC
from tests.support.image_answers import Images
from tests.support.image_studies import answered
from tests.support.report_pages import (
    BASELINE,
    DATA,
    Page,
    ended,
    figures_in,
    rows_of,
    study,
    with_family,
)
from tests.support.verdict_studies import controls_and_mixes
from tests.support.verdict_studies import spec_of as verdict_spec


@pytest.fixture(scope="module")
def complete() -> tuple[ReportInputs, str]:
    inputs = with_family(study(break_every=9))
    return inputs, render(inputs)


def test_complete_report_holds_every_figure_and_table(complete):
    inputs, text = complete
    page = Page(text)
    assert set(figures_in(page)) == {
        "ternary",
        "standings",
        "cost",
        "family",
        "search-curves",
        "family-curves",
    }
    visible = " ".join(page.shown)
    assert inputs.verdict.sentence in visible
    assert inputs.verdict.reason in visible
    assert text.count("<table>") >= 4
    for _, planned in all_jobs(inputs):
        assert planned.request.label in text
    assert "and 5 more." in visible


def test_page_loads_nothing_and_runs_only_its_own_scripts(complete):
    page = Page(complete[1])
    assert all(tag == "a" and target.startswith("#") for tag, target in page.loads)
    assert page.handlers == []
    assert set(page.kinds) == {"application/json", "text/plain", ""}
    assert page.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in page.policy
    assert "unsafe-inline" not in page.policy.partition("style-src-attr")[0]
    own = [script for script, kind in zip(page.scripts, page.kinds, strict=True) if not kind]
    assert len(own) == 3
    for script in own:
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy


def test_other_learning_rates_are_a_section_with_their_numbers():
    check = RecipeCheck(
        jobs=("a" * 16,),
        rates=(
            RateScore(multiple=0.5, rate=0.3, scores=(0.5, 0.52)),
            RateScore(multiple=1.0, rate=0.6, scores=(), failed=2),
        ),
        noise=0.013,
        multiple=0.5,
        sentence="recipe check: ...",
    )
    differences = (Difference(multiple=2.0, estimate=-0.021, low=-0.034, high=-0.008),)
    judged = Sensitivity(jobs=(), differences=differences, sentence="sensitivity: it is open")
    inputs = replace(study(), rates=OtherRates(check, judged))
    shown = " ".join(Page(render(inputs)).shown)
    for part in ("Other learning rates", "1.3 points of noise", "51.00", "50.00  52.00", "yes"):
        assert part in shown
    assert "Sensitivity: it is open." in shown and "-3.4 to -0.8" in shown
    assert [row[4].text for row in rates_table(inputs).rows] == ["0", "2"]
    assert "Other learning rates" not in " ".join(Page(render(study())).shown)


def test_names_and_messages_are_text_wherever_they_appear(complete):
    text = complete[1]
    assert "<script>alert(1)" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_plotly_is_there_once(complete):
    assert len(re.findall(r"plotly\.js \(basic - minified\) v\d", complete[1])) == 1


def test_every_table_row_fits_its_columns(complete):
    inputs = complete[0]
    for make in (tables.standings, tables.networks, tables.family, tables.dropped, tables.jobs):
        table = make(inputs)
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(tables.jobs(inputs).rows) == len(all_jobs(inputs))


def test_failures_are_grouped_by_cause(complete):
    groups = tables.failures(complete[0])
    assert [group.kind for group in groups] == ["diverged"]
    assert len(groups[0].jobs) == sum(r.status == "failed" for r in complete[0].results.values())


def test_networks_of_the_map_lie_in_its_triangle_and_are_in_its_table(complete):
    drawing = figures_in(Page(complete[1]))["ternary"]
    for trace in drawing["data"]:
        for x, y in zip(trace["x"], trace["y"], strict=True):
            depth = y / HEIGHT
            resolution = x - depth / 2
            assert min(depth, resolution, 1 - depth - resolution) >= -1e-6
        for row in trace.get("customdata", ()):
            assert len(row) == len(drawing["columns"])
            assert sum(row[2:5]) == pytest.approx(100, abs=0.2)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (study(seeds=1), {"ternary", "standings", "cost", "search-curves"}),
        (study(stop_after=5), {"ternary", "standings", "cost", "search-curves"}),
        (study(stop_after=1), {"cost", "search-curves"}),
        (study(stop_after=0), set()),
        (study(break_every=1), set()),
    ],
    ids=["one seed", "five jobs", "baseline only", "nothing yet", "all failed"],
)
def test_partial_studies_make_a_page(inputs, expected):
    page = Page(render(inputs))
    assert set(figures_in(page)) == expected
    assert inputs.verdict.sentence in " ".join(page.shown)


def test_one_scaled_variant_has_no_verdict_and_no_map():
    spec = SPEC.validate_python(
        {
            "kind": "train",
            "name": "variant",
            "data": {"source": "digits"},
            "baseline": BASELINE,
            "phi": 2,
            "coefficients": {"alpha": 1.2, "beta": 1.1, "gamma": 1.15},
        }
    )
    variant = plan_train(spec, DATA)
    baseline, family = variant.baseline, variant.family
    job = family.members[0].jobs[0].request.job.id
    bare = ReportInputs(
        spec=spec, spec_text="kind: train\n", baseline=baseline, data=DATA, family=family.members
    )
    assert "has no score yet" in render(bare)
    done = ReportInputs(
        spec=spec,
        spec_text="kind: train\n",
        baseline=baseline,
        data=DATA,
        family=family.members,
        results={job: ended(job, 0.953)},
        rows={job: rows_of(job, 0.953)},
    )
    page = Page(render(done))
    assert set(figures_in(page)) == {"family-curves"}
    assert "reaches 95.3 % validation accuracy" in " ".join(page.shown)


def test_the_map_shows_the_best_network_by_the_surface_and_what_is_untried():
    inputs = study(seeds=3)
    assert inputs.verdict.optimum is not None and inputs.verdict.predictions
    traces = figures_in(Page(render(inputs)))["ternary"]["data"]
    names = [trace.get("name") for trace in traces]
    hover_text = traces[names.index("best by the surface")]["hovertemplate"][0]
    assert "expected accuracy" in hover_text and "alpha" in hover_text
    untried = traces[names.index("not trained, predicted")]
    assert len(untried["hovertemplate"]) == len(inputs.verdict.predictions)


def test_predictions_of_an_older_study_are_not_drawn():
    inputs = study(seeds=3)
    older = [entry.model_copy(update={"improvement": 0.1}) for entry in inputs.verdict.predictions]
    peak = inputs.verdict.optimum.model_copy(update={"coefficients": None, "candidate": ""})
    verdict = inputs.verdict.model_copy(update={"predictions": tuple(older), "optimum": peak})
    page = Page(render(replace(inputs, verdict=verdict)))
    names = {trace.get("name") for trace in figures_in(page)["ternary"]["data"]}
    assert not names & {"best by the surface", "not trained, predicted"}


@pytest.mark.parametrize("classes", [2, 40])
def test_the_page_shows_what_the_choice_confuses_and_the_hardest_images(classes):
    right = Images(count=200).answers([0.8] * 6, 3, np.random.default_rng(0))
    networks = controls_and_mixes(3)
    plan, results, kept = answered(networks, right)
    names = tuple(f"class {number}" for number in range(classes))
    data = plan.data.model_copy(update={"classes": names})
    plan = plan.model_copy(update={"data": data})
    verdict = analyse(verdict_spec(3), plan, results, kept)
    inputs = ReportInputs(
        spec=verdict_spec(3),
        spec_text="kind: study\n",
        baseline=plan.baseline,
        data=data,
        plan=plan,
        verdict=verdict,
        results=results,
    )
    shown = " ".join(Page(render(inputs)).shown)
    assert "What the choice gets wrong" in shown and "The hardest images" in shown
    assert ("The pairs of classes" in shown) == (classes > 12)
    assert "new images like these 200" in shown
    assert "Scores are on one fixed set" not in shown
    assert "What the choice gets wrong" not in " ".join(Page(render(study())).shown)
