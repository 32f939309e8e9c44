"""What a network asks of a device, from its Architecture alone; no module is built."""

from jobs.complexity import whole
from schemas.architecture import Architecture
from schemas.device import Workload


def workload(network: Architecture) -> Workload:
    """Count the work of a network and what its backward keeps, for one image.

    Dropout and stochastic depth, which a recipe adds, keep one more number a feature and an image.
    """
    return whole(network).workload()
