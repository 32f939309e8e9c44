"""Every network that has a name. Data only: no torch."""

from compound.jobs.networks import (
    amoebanet,
    efficientnet,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    resnet,
)
from compound.schemas.architecture import Architecture

NETWORKS: dict[str, Architecture] = {
    **{name: efficientnet.named(name) for name in efficientnet.VARIANTS},
    "mobilenet-v1": mobilenet_v1.V1,
    "mobilenet-v2": mobilenet_v2.V2,
    "mnasnet-a1": mnasnet.A1,
    "mnasnet-b1": mnasnet.B1,
    **{name: resnet.named(name) for name in (*resnet.BASIC, *resnet.BOTTLENECK)},
    "amoebanet-d": amoebanet.D,
}
