"""Which network interface carries the address by which Ray knows this host."""

import fcntl
import logging
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.torch import TorchConfig

from compound.jobs.parallel.collective import set_nccl_defaults

LOG = logging.getLogger(__name__)

_SIOCGIFADDR = 0x8915
"""Linux: ask for the IPv4 address of an interface, by its name."""

_PASSED_ON = ("NCCL_", "GLOO_", "TORCH_NCCL_", "TORCH_GLOO_")
"""Prefixes of variables that go from the user's environment to every worker. Ray logs what it
passes on: no name of a secret begins like this."""


def variables() -> dict[str, str]:
    """Return the variables of this process for NCCL, for gloo, and for torch about them."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}


def bind_collectives(interface: str | None = None) -> None:
    """Let gloo and NCCL use this `interface`, by default the one of this host's Ray address.

    Without it they take the address that the host's name resolves to, which may be another network
    or loopback (ray-project/ray#42652, #30333). Variables that are set already are kept, unless an
    interface is given.
    """
    set_nccl_defaults()
    if interface:
        os.environ.update(_bound_to(interface))
        return
    interface = interface_of(ray.util.get_node_ip_address())
    for name, value in _bound_to(interface).items() if interface else ():
        os.environ.setdefault(name, value)


def _bound_to(interface: str) -> dict[str, str]:
    """Return the variables that name an interface.

    NCCL takes a name as a prefix, eth1 for eth10 as well, unless = stands before it; gloo takes it
    as it is.
    """
    return {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": f"={interface}"}


def interface_of(address: str) -> str | None:
    """Return the name of the interface with this IPv4 address, None where there is none."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if address_of(name) == address), None)


def address_of(interface: str) -> str | None:
    """Return the IPv4 address of an interface, None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Linux takes names of at most 15 bytes and a closing zero (IFNAMSIZ of net/if.h).
            query = struct.pack("256s", interface.encode()[:15])
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, query)
        except OSError:  # the interface has no IPv4 address
            return None
    # struct ifreq: 16 bytes of name, then a sockaddr_in with 2 of family, 2 of port, 4 of address.
    return socket.inet_ntoa(answer[20:24])


class _BoundBackend(TorchConfig().backend_cls):  # type: ignore[misc]
    """Torch's process group, joined over the network by which Ray knows each host."""

    def on_start(self, worker_group: Any, backend_config: "WorkerGroupTorchConfig") -> None:
        """Set the interface on every worker before gloo or NCCL looks for one."""
        worker_group.execute(bind_collectives, backend_config.interface)
        super().on_start(worker_group, backend_config)

    def on_shutdown(self, worker_group: Any, backend_config: "WorkerGroupTorchConfig") -> None:
        """End the process group where that is still possible; the workers end in any case.

        Ray frees each device's cache here. A worker whose device is lost raises, which would end
        Train's controller, and the cause of the failure would be lost (Ray 2.60).
        """
        try:
            super().on_shutdown(worker_group, backend_config)
        except ray.exceptions.RayError as error:
            LOG.debug("a worker could not leave its group: %s", error)


@dataclass
class WorkerGroupTorchConfig(TorchConfig):  # type: ignore[misc]
    """Ray Train's torch setup with the interface chosen."""

    interface: str | None = None

    @property
    def backend_cls(self) -> type:
        """The class that Ray Train starts on every group of workers."""
        return _BoundBackend
