"""Failed jobs by first cause, and what sets them apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.store.folders.job_state import JobState
from compound.orchestrator.analyse.failed_jobs import (
    Facts,
    grouped,
    in_common,
    normalised,
    outcomes,
)
from compound.schemas.job import Cause, JobResult

MEMORY = Cause(kind="out of memory", message="CUDA out of memory. Tried to allocate 2.5 GiB")


def fact(label: str, cause: Cause | None = None, **traits: float | str) -> Facts:
    return Facts(label, traits, cause)


def test_twelve_of_thirty() -> None:
    sizes = [224.0, 240.0, 260.0, 288.0, 300.0]
    jobs = [
        fact(f"{size} {seed}", MEMORY if size >= 288 else None, resolution=size, seed=str(seed))
        for size in sizes
        for seed in range(6)
    ]
    (group,) = grouped(jobs)
    assert group.headline == "12 of 30 jobs: out of memory, all with resolution >= 288"


def test_causes_are_alike_but_for_numbers_and_ids() -> None:
    messages = [
        "CUDA out of memory. Tried to allocate 2.50 GiB (GPU 0; 79.1 GiB)",
        "CUDA out of memory. Tried to allocate 512.00 GiB (GPU 3; 79.1 GiB)",
    ]
    assert len({normalised(message) for message in messages}) == 1
    assert normalised("job 9f86d081884c7d65 at 0x7ffe") == normalised("job 60303ae22b998861 at 0x1")
    assert normalised("layer conv is missing") != normalised("layer norm is missing")
    jobs = [fact(str(i), Cause(kind="error", message=m)) for i, m in enumerate(messages)]
    jobs.append(fact("third", Cause(kind="out of memory", message=messages[0])))
    assert [(group.kind, len(group.jobs)) for group in grouped(jobs)] == [
        ("error", 2),
        ("out of memory", 1),
    ]


@pytest.mark.parametrize(
    ("failed", "ended", "expected"),
    [
        ([{"seed": "3"}] * 2, [{"seed": "0"}, {"seed": "1"}], ("seed 3",)),
        ([{"host": "b"}] * 2, [{"host": "a"}], ("host b",)),
        ([{"params": 1e5}, {"params": 2e5}], [{"params": 3e6}], ("params <= 200,000",)),
        ([{"depth": 1.25}] * 2, [{"depth": 1.0}, {"depth": 2.0}], ("depth 1.25",)),
        ([{"depth": 1.25}] * 2, [{"depth": 1.25}], ()),
        ([{"seed": "3"}], [{"seed": "0"}], ()),
        ([{"seed": "3"}] * 2, [], ()),
        ([{"seed": "3"}, {}], [{"seed": "0"}], ()),
    ],
)
def test_what_sets_jobs_apart(failed, ended, expected: tuple[str, ...]) -> None:
    jobs = [fact("mine", MEMORY, **traits) for traits in failed]
    assert in_common(jobs, [fact("other", **traits) for traits in ended]) == expected


TRAITS = st.fixed_dictionaries(
    {
        "resolution": st.sampled_from([96.0, 128.0, 160.0, 224.0]),
        "seed": st.sampled_from("012"),
    },
    optional={"host": st.sampled_from("ab")},
)
CAUSES = st.none() | st.builds(
    Cause,
    kind=st.sampled_from(["error", "out of memory", "diverged"]),
    message=st.sampled_from(["", "a 1", "a 2", "b\nsecond line"]),
)
JOBS = st.lists(st.builds(Facts, st.text(max_size=3), TRAITS, CAUSES), max_size=25)


@given(JOBS)
def test_every_failed_job_is_in_one_group(jobs: list[Facts]) -> None:
    groups = grouped(jobs)
    labels = [label for group in groups for label in group.jobs]
    assert sorted(labels) == sorted(job.label for job in jobs if job.cause)
    assert [len(group.jobs) for group in groups] == sorted(
        (len(group.jobs) for group in groups), reverse=True
    )
    assert all("\n" not in group.headline for group in groups)


@given(JOBS, st.randoms())
def test_the_order_of_jobs_does_not_matter(jobs: list[Facts], random) -> None:
    shuffled = list(jobs)
    random.shuffle(shuffled)
    ends = [
        {(g.kind, len(g.jobs), g.common) for g in grouped(failed)} for failed in (jobs, shuffled)
    ]
    assert ends[0] == ends[1]


@given(JOBS)
def test_what_is_said_is_true_of_all_and_of_no_other(jobs: list[Facts]) -> None:
    for group in grouped(jobs):
        for trait in group.common:
            name, _, rest = trait.partition(" ")
            holds = [_holds(job, name, rest) for job in jobs if name in job.traits]
            assert sum(holds) == len(group.jobs) >= 2
            assert len(holds) > len(group.jobs)


def _holds(job: Facts, name: str, rest: str) -> bool:
    value = job.traits[name]
    if rest.startswith(">= "):
        return isinstance(value, float) and value >= float(rest[3:])
    if rest.startswith("<= "):
        return isinstance(value, float) and value <= float(rest[3:])
    return rest == (f"{value:g}" if isinstance(value, float) else value)


def test_jobs_that_were_stopped_or_pruned_have_not_failed() -> None:
    pruned = Cause(kind="pruned", message="not among the best")
    stopped = Cause(kind="interrupted", message="stopped")
    ended = {
        "a": JobResult(job="a", status="done", attempt=1, epochs=1),
        "b": JobResult(job="b", status="stopped", attempt=1, epochs=1, cause=pruned),
        "c": JobResult(job="c", status="stopped", attempt=1, epochs=1, cause=stopped),
        "d": JobResult(job="d", status="failed", attempt=1, epochs=1, cause=MEMORY),
        "e": JobState(job="e", status="running"),
        "f": JobState(job="f", status="failed"),
    }
    causes = outcomes(ended)
    assert {job: cause and cause.kind for job, cause in causes.items()} == {
        "a": None,
        "b": None,
        "d": "out of memory",
        "f": "error",
    }
