"""A probe of a cluster's worker, as a task of a real Ray."""

import pytest

from cluster.probing import probe_on
from cluster.session import Session
from jobs.device import describe
from schemas.job import Resources


@pytest.mark.ray
@pytest.mark.slow
def test_a_probe_measures_a_worker_where_it_is(ray_session: Session) -> None:
    profile = probe_on(ray_session, Resources(), 40)
    assert (profile.source, profile.kind) == ("probe", "cpu")
    assert profile.device == describe("cpu", 1)
    assert len(profile.points) >= 8
    assert profile.seconds and profile.bytes
