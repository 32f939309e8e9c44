"""A probe of a cluster's worker, as a task of a real Ray."""

import pytest

from compound.cluster.ray_session import Session
from compound.cluster.remote_probe import probe_on
from compound.jobs.device_model import describe
from compound.schemas.job import Resources
from tests.support.back_ends import LONG


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="`make test-all`: the README's --probe runs on Ray as well")
def test_a_probe_measures_a_worker_where_it_is(ray_session: Session) -> None:
    profile = probe_on(ray_session, Resources(), 40)
    assert (profile.source, profile.kind) == ("probe", "cpu")
    assert profile.device == describe("cpu", 1)
    assert len(profile.points) >= 8
    assert profile.seconds and profile.bytes
