"""Studies that share jobs, run at once in one store by real processes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.command import compound
from tests.support.forked import Forked, forked
from tests.support.pairs import attempts, came, run_words, written_spec

pytestmark = pytest.mark.timeout(900)

LOCAL = ("--runner", "local")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store in which the same studies ran one after the other, with no job in common."""
    folder = tmp_path_factory.mktemp("alone")
    spec = written_spec(folder, str(folder / "runs"))
    ran = compound(*run_words(spec, "both", *LOCAL))
    assert ran.returncode == 0, ran.stderr
    return str(folder / "runs")


@contextmanager
def running(spec: Path, name: str) -> Iterator[Forked]:
    with forked("compound", *run_words(spec, name, *LOCAL)) as process:
        yield process


def ended(process: Forked) -> str:
    """Wait for the end of a driver; return what it said."""
    assert process.wait(300) == 0, process.stderr
    return process.stderr


def test_two_studies_with_the_same_jobs_train_each_once(
    uri: str, tmp_path: Path, alone: str
) -> None:
    spec = written_spec(tmp_path, uri)
    with running(spec, "one") as one, running(spec, "two") as two:
        said = ended(one) + ended(two)
    assert {*attempts(uri).values()} == {1}
    assert "failed" not in said and "by study" in said
    assert came(uri, "one") == came(uri, "two") == came(alone, "both")
    assert ArtifactStore.open(uri).reservations("three").own() is None
    sound = compound("fsck", uri)
    assert sound.returncode == 0 and "clean" in sound.stdout, sound.stdout


def test_a_study_goes_on_with_the_jobs_of_a_driver_that_was_killed(
    store: str, tmp_path: Path, alone: str
) -> None:
    spec, larger = written_spec(tmp_path, store), written_spec(tmp_path, store, seeds=3)
    with running(spec, "one") as one:
        _wait_for_rows(store, one)
        with running(larger, "two") as two:
            others = ArtifactStore.open(store).reservations("one").of_others
            _wait_for(lambda: any(others()), two)
            one.kill()
            ended(two)
    counts = sorted(attempts(store).values())
    assert counts[:-1] == [1] * (len(counts) - 1) and counts[-1] <= 2, "one job was cut off"
    with running(spec, "one") as one:
        ended(one)
    assert came(store, "one") == came(alone, "both")
    assert came(store, "two").weights.items() >= came(alone, "both").searched.items()
    assert len(attempts(store)) == len({*came(store, "one").weights, *came(store, "two").weights})


def _wait_for_rows(uri: str, process: Forked) -> None:
    store = ArtifactStore.open(uri)
    _wait_for(lambda: any(store.rows(job) for job in store.jobs()), process)


def _wait_for(reached: Callable[[], bool], process: Forked) -> None:
    while not reached():
        assert process.poll() is None, process.stderr
        time.sleep(0.02)
