"""What charts are drawn from: read once, standings while a search goes on, nothing chosen then."""

from dataclasses import replace

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.reading.study_drawn import read_drawn, with_standings
from compound.orchestrator.live.reading.study_state import read_state
from compound.orchestrator.report.inputs import report_rows
from tests.support.report_pages import study


def test_a_study_is_read_once(published_store: str) -> None:
    store = ArtifactStore.open(published_store)
    state = read_state(store, "cifar10-published", None)
    first = read_drawn(store, state, None)
    assert read_drawn(store, state, first) is first
    later = read_drawn(store, replace(state, revision="another"), first)
    assert later.drawn.figures is first.drawn.figures
    assert later.points == first.points and later.revision == "another"


def test_a_published_study_has_its_charts(published_store: str) -> None:
    store = ArtifactStore.open(published_store)
    drawn = read_drawn(store, read_state(store, "cifar10-published", None), None).drawn
    assert {"ternary", "cost", "standings", "family"} <= {*drawn.figures}
    assert "search-curves" not in drawn.figures
    assert [network.chosen for network in drawn.networks].count(True) == 1
    assert drawn.marked == len(drawn.networks) == 10
    assert {curve.network for curve in drawn.curves} == {n.id for n in drawn.networks}
    assert all(len(curve.points) == 12 for curve in drawn.curves)


def test_a_search_that_goes_on_has_standings_and_no_choice() -> None:
    inputs = replace(study(stop_after=10), verdict=None)
    rows = report_rows(with_standings(inputs))
    assert sum(row.standing.mean is not None for row in rows) > 2
    assert not any(row.chosen for row in rows)


def test_standings_are_of_the_verdict_where_there_is_one_and_of_nothing_before_results() -> None:
    judged = study()
    assert with_standings(judged) is judged
    nothing = replace(study(stop_after=0), verdict=None)
    assert with_standings(nothing) is nothing
