"""Which job `compound export` takes: by study and network, or by any name of a job."""

from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.store.job_to_export import job_to_export
from compound.schemas.errors import SpecError, StoreError
from tests.support.command import compound
from tests.support.stored_studies import PUBLISHED, of_schema, published


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A search of four networks with two seeds each; two jobs of one network are done."""
    return of_schema(4, tmp_path_factory.mktemp("exported"))


def test_a_network_is_the_most_accurate_of_its_seeds(uri: str) -> None:
    meant = job_to_export("small", None, "d1.00-w1.00-r11", uri)
    store = ArtifactStore.open(uri)
    assert store.state(meant.job).status == "done"
    assert meant.path == Path("small-d1.00-w1.00-r11.safetensors")
    for word in (meant.job, meant.job[:5], "d1.00-w1.00-r11"):
        assert job_to_export(word, None, None, uri).job == meant.job


def test_what_is_not_clear_is_refused_with_what_could_be_meant(uri: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="study small has 4 networks: which one") as which:
        job_to_export("small", None, None, uri)
    assert "d2.00-w1.00-r8" in which.value.allowed
    assert which.value.next_step.startswith("compound export small --store")
    with pytest.raises(SpecError, match="no network 'phi 2'"):
        job_to_export("small", 2.0, None, uri)
    with pytest.raises(StoreError, match="no study, job or network is called"):
        job_to_export("nobody", None, None, uri)
    with pytest.raises(StoreError, match="no weights of phi 2, d2"):
        job_to_export(PUBLISHED, 2.0, None, published(tmp_path))


def test_the_path_has_a_default_and_two_names_are_refused(uri: str, tmp_path: Path) -> None:
    words = ["export", "small", "--store", uri, "--network", "d1.00-w1.00-r11"]
    done = compound(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "small-d1.00-w1.00-r11.safetensors").is_file()
    assert "both name a network" in compound(*words, "--phi", "2").stderr
