"""Why jobs fail, in the words of a result."""

import errno

import pytest
import torch

from compound.jobs.parallel.failure import Diverged, PeerFailed, classify
from compound.schemas.errors import DataError, PlanError, StoreError
from compound.schemas.job import Cause


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Diverged(3, "train_loss", float("nan")), "diverged"),
        (DataError("gone"), "data"),
        (StoreError("gone"), "storage"),
        (OSError(errno.ENOSPC, "No space left on device"), "storage"),
        (FileNotFoundError(errno.ENOENT, "x"), "error"),
        (MemoryError(), "out of memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory"),
        (
            RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory: you ..."),
            "out of memory",
        ),
        (RuntimeError("[gloo/transport/tcp] Connection closed by peer"), "worker lost"),
        (torch.distributed.DistBackendError("NCCL error"), "worker lost"),
        (RuntimeError("shapes differ"), "error"),
        (PlanError("batch"), "error"),
    ],
)
def test_kinds(error, kind):
    cause = classify(error)
    assert cause.kind == kind and cause.message
    assert type(error).__name__ in cause.traceback


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("my key"), "KeyError: 'my key'"),
        (ValueError("too wide"), "ValueError: too wide"),
        (IndexError(3), "IndexError: 3"),
        (AssertionError(), "AssertionError"),
        (NotImplementedError("later"), "NotImplementedError: later"),
        (type("OwnError", (Exception,), {})("x"), "OwnError: x"),
        (RuntimeError("shapes differ"), "shapes differ"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        (PlanError("batch"), "batch"),
    ],
)
def test_a_message_that_is_no_sentence_has_its_class(error, message):
    assert classify(error).message == message


def test_divergence_names_the_epoch():
    assert (
        classify(Diverged(3, "train_loss", float("inf"))).message == "train_loss is inf in epoch 3"
    )


def test_a_peers_failure_keeps_its_cause():
    told = Cause(kind="out of memory", message="no room", traceback="trace")
    cause = classify(PeerFailed(2, told))
    assert cause == Cause(kind="out of memory", message="worker 2: no room", traceback="trace")


def test_a_real_allocation_that_fails():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert classify(caught.value).kind == "out of memory"
