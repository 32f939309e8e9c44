"""Joining a Ray cluster that is not there ends at once, with a sentence."""

import os
import socket

import pytest
import ray
from ray.exceptions import ActorDiedError, RayTaskError

from compound.cluster.ray_session import Session, connect, ray_fault, variable_set
from compound.schemas.errors import ClusterError, RunError


def closed_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def test_a_port_where_nothing_listens_is_refused_before_ray_starts_to_wait() -> None:
    address = f"127.0.0.1:{closed_port()}"
    with pytest.raises(
        ClusterError, match=r"cannot join the Ray cluster: nothing listens"
    ) as refused:
        connect(address)
    assert refused.value.where == address
    assert (refused.value.next_step or "").endswith(
        "with a token: export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=..."
    )


@pytest.mark.parametrize("address", ["nonsense", "host:port", "no-such-host.invalid:6379"])
def test_an_address_that_is_none_is_a_cluster_error(address: str) -> None:
    with pytest.raises(ClusterError, match="cannot join the Ray cluster"):
        connect(address)


def test_the_address_of_the_environment_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port()}")
    with pytest.raises(ClusterError, match="nothing listens"):
        connect()


CANCELLED = """The actor died unexpectedly before finishing this task.
\tclass_name: Coordinator
\tactor_id: 1234
Actor creation cancelled."""


def actor_error() -> ActorDiedError:
    error = ActorDiedError()
    error.error_msg = CANCELLED
    return error


def test_a_lost_actor_is_a_failure_that_can_be_tried_again() -> None:
    with (
        pytest.raises(RunError, match="Ray has failed: ActorDiedError, Coordinator, ") as failed,
        Session(None, started=False),
    ):
        raise actor_error()
    assert failed.value.message.endswith("Actor creation cancelled.")
    assert failed.value.next_step.startswith("type the same command again")


def test_a_lost_actor_is_found_among_the_causes() -> None:
    error = RuntimeError("of Tune")
    error.__cause__ = actor_error()
    assert "Actor creation cancelled" in ray_fault(error)


def test_other_errors_are_not_rays() -> None:
    code = RayTaskError("f", "traceback", ValueError("of ours"))
    known = RunError("known already")
    known.__cause__ = actor_error()
    interrupted = KeyboardInterrupt()
    interrupted.__context__ = actor_error()
    for error in (ValueError("of ours"), code, known, interrupted):
        assert ray_fault(error) == ""


@pytest.mark.parametrize("before", [None, "old"])
def test_a_variable_is_afterwards_as_it_was(monkeypatch: pytest.MonkeyPatch, before) -> None:
    monkeypatch.setenv("NAME", "old")
    if before is None:
        monkeypatch.delenv("NAME")
    with pytest.raises(RuntimeError), variable_set("NAME", "new"):
        assert os.environ["NAME"] == "new"
        raise RuntimeError
    assert os.environ.get("NAME") == before


@pytest.mark.ray
@pytest.mark.slow
def test_a_local_ray_has_the_safe_path_and_the_driver_has_not(ray_session: Session) -> None:
    inherited = ray.remote(lambda: os.environ.get("PYTHONSAFEPATH"))
    assert ray.get(inherited.remote()) == "1"
    assert "PYTHONSAFEPATH" not in os.environ
