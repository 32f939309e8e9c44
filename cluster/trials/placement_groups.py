"""What Ray keeps reserved after a group of workers was ended while it was just beginning.

Ray Train gives a group's resources back itself, and so does a watcher of its own if its controller
is killed; but the watcher learns of them only once the workers are up. A controller killed before
leaves them reserved for as long as the driver lives, and what comes next waits for ever.
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


@contextmanager
def given_back() -> Iterator[None]:
    """Remove what this driver reserves within the block, and does not give back itself."""
    before = reserved()
    try:
        yield
    finally:
        for one in reserved() - before:
            remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(one)))


def reserved() -> set[str]:
    """Return the ids of all placement groups that this driver and its actors hold."""
    here = ray.get_runtime_context()
    wanted = [("creator_job_id", "=", here.get_job_id()), ("state", "!=", "REMOVED")]
    try:
        found = list_placement_groups(here.gcs_address, filters=wanted, limit=_LIMIT)
    except (RayStateApiException, ConnectionError, RuntimeError) as error:
        LOG.debug("what is reserved cannot be asked, as without Ray's dashboard: %s", error)
        return set()
    return {one.placement_group_id for one in found}
