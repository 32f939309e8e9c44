"""A network of a study by whatever people call it."""

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import documents
from compound.orchestrator.records.study_networks import (
    StudyNetwork,
    named_network,
    names_of_study,
    study_networks,
)
from compound.schemas.errors import SpecError
from tests.support.stored_studies import PUBLISHED, published


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[StudyNetwork]:
    store = ArtifactStore.open(published(tmp_path_factory.mktemp("named")), create=False)
    stored = documents(store.study(PUBLISHED))
    assert stored is not None
    assert len(set(names_of_study(stored).values())) == len(names_of_study(stored))
    return study_networks(stored)


def named(networks: list[StudyNetwork], word: str) -> StudyNetwork:
    return named_network(networks, word, PUBLISHED).network


@pytest.mark.parametrize("word", ["phi 2", "phi=2", "PHI 2", "2", "2.0", "d2.24-w1.00-r20"])
def test_a_member_of_the_family_by_phi_and_by_its_name(
    networks: list[StudyNetwork], word: str
) -> None:
    member = named(networks, word)
    assert (member.name, member.phis) == ("d2.24-w1.00-r20", (2.0,))
    assert member.title == "phi 2, d2.24-w1.00-r20"


def test_the_baseline_is_phi_0(networks: list[StudyNetwork]) -> None:
    assert named_network(networks, "phi 0", "small").network.name.startswith("d1.00-w1.00-")


def test_every_network_and_job_by_its_hash_label_and_how_these_begin(
    networks: list[StudyNetwork],
) -> None:
    for network in networks:
        assert named(networks, network.name) == named(networks, network.id) == network
        assert named(networks, network.id[:10]) == network
        for job in network.jobs:
            assert named(networks, job.request.label) == network
            assert named(networks, job.request.job.id[:12]) == network
    one_job = networks[0].jobs[0]
    meant = named_network(networks, one_job.request.job.id, PUBLISHED)
    assert meant.job is not None and meant.job.request.job == one_job.request.job


def test_a_network_that_two_steps_label_otherwise_has_both_labels(
    networks: list[StudyNetwork],
) -> None:
    assert named(networks, "d3.98-w1.00-r16") == named(networks, "d4.00-w1.00-r16")


def test_several_meanings_are_listed_and_unknown_names_too(networks: list[StudyNetwork]) -> None:
    digit = next(d for d in "abcdef456789" if sum(n.id.startswith(d) for n in networks) > 1)
    with pytest.raises(SpecError, match="networks or jobs") as ambiguous:
        named(networks, digit)
    assert all(n.id[:8] in ambiguous.value.allowed for n in networks if n.id.startswith(digit))
    with pytest.raises(SpecError, match=r"has no network 'd1\.50-w1\.00-r19', did you mean"):
        named(networks, "d1.50-w1.00-r19")
