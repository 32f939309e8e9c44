"""Joining a Ray cluster that is not there ends at once, with a sentence."""

import socket

import pytest

from compound.cluster.ray_session import connect
from compound.schemas.errors import ClusterError


def closed_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def test_a_port_where_nothing_listens_is_refused_before_ray_starts_to_wait() -> None:
    address = f"127.0.0.1:{closed_port()}"
    with pytest.raises(ClusterError, match=r"cannot join the Ray cluster: .*refused") as refused:
        connect(address)
    assert refused.value.where == address
    assert (
        refused.value.next_step
        == "check RAY_ADDRESS, RAY_AUTH_MODE and RAY_AUTH_TOKEN, then `ray status`"
    )


@pytest.mark.parametrize("address", ["nonsense", "host:port", "no-such-host.invalid:6379"])
def test_an_address_that_is_none_is_a_cluster_error(address: str) -> None:
    with pytest.raises(ClusterError, match="cannot join the Ray cluster"):
        connect(address)


def test_the_address_of_the_environment_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port()}")
    with pytest.raises(ClusterError, match="refused"):
        connect()
