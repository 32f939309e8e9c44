"""What a network needs from a device, from its Architecture alone; no module is built."""

from compound.jobs.networks.exact_cost import whole
from compound.schemas.architecture import Network
from compound.schemas.factory import FactoryNetwork
from compound.schemas.machine.device import Workload


def workload(network: Network) -> Workload:
    """Count the work of a network and what autograd saves for backward, for one image.

    Dropout and stochastic depth, which a recipe adds, save one more number a feature and an image.
    """
    if isinstance(network, FactoryNetwork):
        return network.workload
    return whole(network).workload()
