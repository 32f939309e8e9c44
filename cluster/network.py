"""Which network interface carries the address by which Ray knows this host."""

import fcntl
import os
import socket
import struct

import ray

_SIOCGIFADDR = 0x8915
"""Linux: ask for the IPv4 address of an interface, by its name."""

_VARIABLES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


def bind_collectives() -> None:
    """Tell gloo and NCCL to use the interface of this host's Ray address.

    Left alone they take the address that the host's name resolves to, which may be another
    network or loopback. Variables that are set already are kept.
    """
    interface = interface_of(ray.util.get_node_ip_address())
    for name in _VARIABLES if interface else ():
        os.environ.setdefault(name, str(interface))


def interface_of(address: str) -> str | None:
    """Return the name of the interface with this IPv4 address, None where there is none."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if _ipv4(name) == address), None)


def _ipv4(interface: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            query = struct.pack("256s", interface.encode()[:15])
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, query)
        except OSError:  # the interface has no IPv4 address
            return None
    return socket.inet_ntoa(answer[20:24])
