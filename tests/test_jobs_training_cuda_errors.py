"""Errors of CUDA and its libraries: texts from public issue threads, and what is known by code."""

import json
from pathlib import Path

import pytest
import torch
from torch import distributed

from jobs.training.cuda_errors import finding
from jobs.training.failure import classify, spent

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
    assert ("To mend it: " in cause.message) or told["means"] != "setup"
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
