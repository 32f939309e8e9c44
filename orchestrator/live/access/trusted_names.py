"""The names by which a browser may call the server: another name is a page that wants to read it.

A page elsewhere can let its own name point to this machine (DNS rebinding), and would then read the
answers as its own; its name is in the Host header of each request.
"""

import ipaddress
import socket
from collections.abc import Iterable

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusted_names(host: str, more: Iterable[str] = ()) -> list[str]:
    """Return the names of a server that listens at a host.

    `more`: names that it has elsewhere, as behind a proxy.
    """
    own = () if is_loopback(host) else (socket.gethostname(), socket.getfqdn(), *_addresses())
    named = [in_url(name) for name in (host, *own)]
    return list(dict.fromkeys((*_LOOPBACK, *named, *more)))


def in_url(host: str) -> str:
    """Return a host as URLs have it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _addresses() -> list[str]:
    """Return the addresses that this machine's name stands for."""
    try:
        entries = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return []
    return [str(address[0]) for *_, address in entries]
