"""Which network interface carries the address by which Ray knows this host."""

import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.torch import TorchConfig

_SIOCGIFADDR = 0x8915
"""Linux: ask for the IPv4 address of an interface, by its name."""

_VARIABLES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


def bind_collectives(given: str | None = None) -> None:
    """Tell gloo and NCCL to use the `given` interface, or that of this host's Ray address.

    Left alone they take the address that the host's name resolves to, which may be another
    network or loopback. Variables that are set already are kept, unless one is given.
    """
    if given:
        os.environ.update(dict.fromkeys(_VARIABLES, given))
        return
    interface = interface_of(ray.util.get_node_ip_address())
    for name in _VARIABLES if interface else ():
        os.environ.setdefault(name, str(interface))


def interface_of(address: str) -> str | None:
    """Return the name of the interface with this IPv4 address, None where there is none."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if address_of(name) == address), None)


def address_of(interface: str) -> str | None:
    """Return the IPv4 address of an interface, None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            query = struct.pack("256s", interface.encode()[:15])
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, query)
        except OSError:  # the interface has no IPv4 address
            return None
    return socket.inet_ntoa(answer[20:24])


class _BoundBackend(TorchConfig().backend_cls):  # type: ignore[misc]
    """Torch's process group, joined over the network by which Ray knows each host."""

    def on_start(self, worker_group: Any, backend_config: "GangTorchConfig") -> None:
        """Choose the interface on every worker before gloo or NCCL looks for one."""
        worker_group.execute(bind_collectives, backend_config.interface)
        super().on_start(worker_group, backend_config)


@dataclass
class GangTorchConfig(TorchConfig):  # type: ignore[misc]
    """Ray Train's torch setup with the interface chosen."""

    interface: str | None = None

    @property
    def backend_cls(self) -> type:
        """The class that Ray Train starts on every group of workers."""
        return _BoundBackend
