"""Errors of CUDA and its libraries: texts from public issue threads, and what is known by code."""

import json
from pathlib import Path

import pytest
import torch
from hungry import hungry_request
from torch import distributed

from jobs.data.cache import DataCache
from jobs.run import Process, run
from jobs.store.artifacts import ArtifactStore
from jobs.training.cuda_errors import finding
from jobs.training.failure import classify, spent
from jobs.training.snapshot import Snapshot

TEXTS = json.loads((Path(__file__).parent / "data" / "cuda_errors.json").read_text())
"""Each with the class that torch raised, the thread, and what it means; `held_out`: in which round
it was tried, unseen, on rules written before; 0: the rules were written on it."""

KINDS = {
    "memory": "out of memory",
    "spent": "worker lost",
    "lost": "worker lost",
    "setup": "error",
    "error": "error",
}


class OutOfResources(Exception):
    """Triton's, which it raises where a kernel asks for too much of a multiprocessor."""


OutOfResources.__module__ = "triton.runtime.errors"

CLASSES = {
    "RuntimeError": RuntimeError,
    "AssertionError": AssertionError,
    "TimeoutError": TimeoutError,
    "OutOfResources": OutOfResources,
    "OutOfMemoryError": torch.OutOfMemoryError,
    "AcceleratorError": torch.AcceleratorError,
    "DeferredCudaCallError": torch.cuda.DeferredCudaCallError,
    "DistBackendError": distributed.DistBackendError,
    "DistNetworkError": distributed.DistNetworkError,
    "DistStoreError": distributed.DistStoreError,
}


@pytest.mark.parametrize("told", TEXTS, ids=[told["source"] for told in TEXTS])
def test_texts_of_public_threads(told):
    cause = classify(CLASSES[told["type"]](told["text"]))
    assert cause.kind == KINDS[told["means"]], cause.message
    assert spent(cause) == (told["means"] == "spent")
    assert bool(cause.fix) == (told["means"] == "setup")
    assert cause.fix in cause.message
    assert "CUDA_LAUNCH_BLOCKING" not in cause.message
    assert "frame #" not in cause.message


def accelerator_error(code: int) -> torch.AcceleratorError:
    """Return what torch raises for a value of cudaError_t, with words that nobody knows."""
    error = torch.AcceleratorError("CUDA error: words of a later release")
    error.error_code = code
    return error


CODES = {
    "memory": (2,),
    "process": (214, 700, 710, 719, 999),
    "setup": (35, 209),
    "job": (1, 9, 701),
}


@pytest.mark.parametrize(
    ("code", "meaning"), [(code, meaning) for meaning, codes in CODES.items() for code in codes]
)
def test_a_code_counts_before_words(code, meaning):
    error = accelerator_error(code)
    assert finding(error, str(error)).meaning == meaning


def test_words_of_other_libraries_are_the_jobs_own():
    for error in (ValueError("out of memory"), KeyError("device-side assert triggered")):
        assert classify(error).kind == "error"


def test_a_message_keeps_what_was_said_and_says_what_follows():
    text = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously"
    cause = classify(RuntimeError(text))
    assert cause.message == (
        "CUDA error: device-side assert triggered; this process can use its GPU no more"
    )
    assert text in cause.traceback


def test_a_job_ends_with_its_own_cause_where_copies_under_way_are_lost_too(
    store, tmp_path, monkeypatch
):
    """Whoever writes a checkpoint meets the same error: it waits for copies of the device."""
    text = "CUDA error: an illegal memory access was encountered"

    def lost(self):
        raise torch.AcceleratorError(text)

    monkeypatch.setattr(Snapshot, "wait", lost)
    fails = f"self.seen = getattr(self, 'seen', 0) + 1; assert self.seen < 5, {text!r}"
    request = hungry_request(tmp_path, "spoilt", 0, fails=fails)
    ledger = ArtifactStore.open(store)
    rows = run(request.job, ledger, Process.single(imports=(str(tmp_path),)), DataCache())
    with pytest.raises(StopIteration) as ended:
        while True:
            next(rows)
    assert spent(ended.value.value.cause)
    assert ledger.result(request.job.id) == ended.value.value
