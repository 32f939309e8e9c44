"""What Ray keeps reserved after a worker group was ended while it was starting.

Ray Train gives a group's resources back itself, and its PlacementGroupCleaner does so if its
controller is killed (ray-project/ray#54305, PR #58515). But the cleaner gets the placement group
only once the workers are up (Ray 2.60): a controller killed before leaves it reserved as long as
the driver lives, and the next group waits for ever.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray._raylet import PlacementGroupID
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.state import list_placement_groups
from ray.util.state.exception import RayStateApiException

LOG = logging.getLogger(__name__)
_LIMIT = 10_000
"""Of entries that the state API returns; by default 100, and the rest is left out."""


@contextmanager
def given_back() -> Iterator[None]:
    """Remove placement groups that this driver made within the block and that still exist."""
    before = reserved()
    try:
        yield
    finally:
        for group_id in reserved() - before:
            remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(group_id)))


def reserved() -> set[str]:
    """Return the ids of all placement groups that this driver and its actors hold."""
    # By its address: without one Ray looks for any cluster on the machine, and may find another.
    context = ray.get_runtime_context()
    filters = [("creator_job_id", "=", context.get_job_id()), ("state", "!=", "REMOVED")]
    try:
        groups = list_placement_groups(context.gcs_address, filters=filters, limit=_LIMIT)
    except (RayStateApiException, ConnectionError, RuntimeError) as error:
        LOG.debug("placement groups cannot be listed, as without Ray's dashboard: %s", error)
        return set()
    return {group.placement_group_id for group in groups}
