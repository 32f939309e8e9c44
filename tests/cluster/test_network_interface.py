"""What workers are told about the network: which interface, and what the user says to NCCL."""

import os
from datetime import timedelta

import pytest
import ray

from compound.cluster import network_interface as network
from compound.jobs.parallel.collective import backend_for, collective_timeout


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say nothing to NCCL, gloo or torch."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in network.variables():
        del os.environ[name]


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray know this host by loopback."""
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")


def test_nccl_takes_an_interface_by_its_whole_name(at_home: None) -> None:
    network.bind_collectives()
    assert os.environ["NCCL_SOCKET_IFNAME"] == "=lo"
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"


def test_a_given_interface_counts_and_a_variable_of_the_user_is_kept(at_home: None) -> None:
    os.environ["NCCL_SOCKET_IFNAME"] = "^docker"
    network.bind_collectives()
    assert os.environ["NCCL_SOCKET_IFNAME"] == "^docker"
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"
    network.bind_collectives("eth1")
    assert os.environ["NCCL_SOCKET_IFNAME"] == "=eth1"
    assert os.environ["GLOO_SOCKET_IFNAME"] == "eth1"


def test_errors_of_nccl_end_the_process_unless_the_user_says_otherwise(at_home: None) -> None:
    os.environ["TORCH_NCCL_BLOCKING_WAIT"] = "1"
    network.bind_collectives()
    assert os.environ["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "3"
    assert os.environ["TORCH_NCCL_BLOCKING_WAIT"] == "1"


def test_only_what_concerns_collectives_is_handed_on() -> None:
    variables_set = {"NCCL_DEBUG": "INFO", "NCCL_IB_DISABLE": "1", "GLOO_SOCKET_IFNAME": "eth0"}
    variables_set |= {"TORCH_NCCL_TRACE_BUFFER_SIZE": "2000"}
    os.environ.update(variables_set | {"AWS_SECRET_ACCESS_KEY": "no", "MY_NCCL_TOKEN": "no"})
    assert network.variables() == variables_set


def test_workers_with_a_gpu_each_talk_over_nccl_and_no_others() -> None:
    assert [backend_for(gpus) for gpus in (0, 0.25, 0.5, 1, 2)] == ["gloo"] * 3 + ["nccl"] * 2


def test_groups_wait_longer_than_a_driver_that_listens() -> None:
    assert collective_timeout(600) == timedelta(minutes=30)
    assert collective_timeout(3600) == timedelta(hours=2)
