"""Resources that nobody gave back are taken back, and others' are left alone."""

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from compound.cluster.ray_session import Session
from compound.cluster.trials.placement_groups import given_back, reserved

pytestmark = pytest.mark.ray


@ray.remote(num_cpus=0)
class Keeper:
    """Reserves from inside an actor, as Ray Train's controller does."""

    def reserve(self) -> str:
        group = placement_group([{"CPU": 1}])
        ray.get(group.ready())
        return group.id.hex()


def test_what_a_killed_actor_reserved_is_given_back(ray_session: Session) -> None:
    ours = placement_group([{"CPU": 1}])
    ray.get(ours.ready())
    with given_back():
        keeper = Keeper.remote()
        leaked = ray.get(keeper.reserve.remote())
        ray.kill(keeper)
        assert reserved() == {ours.id.hex(), leaked}
    assert reserved() == {ours.id.hex()}
    remove_placement_group(ours)
