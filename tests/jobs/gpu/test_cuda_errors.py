"""Errors of CUDA and its libraries: texts from public issue threads, and what is known by code."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from torch import distributed

from compound.jobs.gpu.cuda_errors import finding
from compound.jobs.parallel.failure import classify, has_lost_gpu
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.checkpoints.snapshot import Snapshot
from compound.jobs.training.data_cache import DataCache
from tests.support.failing_networks import hungry_request

TEXTS = json.loads((Path(__file__).parents[2] / "data" / "cuda_errors.json").read_text())
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


class CompilerError(RuntimeError):
    """Stands for those of Inductor, by their text alone: their classes build it themselves."""


CompilerError.__module__ = "torch._inductor.exc"


def command_failed(text: str) -> subprocess.CalledProcessError:
    """Return the error of a command, from its text."""
    command = text.removeprefix("Command '").removesuffix("' returned non-zero exit status 1.")
    return subprocess.CalledProcessError(1, command)


CLASSES = {
    "RuntimeError": RuntimeError,
    "AssertionError": AssertionError,
    "TimeoutError": TimeoutError,
    "OutOfResources": OutOfResources,
    "InvalidCxxCompiler": CompilerError,
    "CppCompileError": CompilerError,
    "CalledProcessError": command_failed,
    "OutOfMemoryError": torch.OutOfMemoryError,
    "AcceleratorError": torch.AcceleratorError,
    "DeferredCudaCallError": torch.cuda.DeferredCudaCallError,
    "DistBackendError": distributed.DistBackendError,
    "DistNetworkError": distributed.DistNetworkError,
    "DistStoreError": distributed.DistStoreError,
}


@pytest.mark.parametrize("thread", TEXTS, ids=[thread["source"] for thread in TEXTS])
def test_texts_of_public_threads(thread):
    cause = classify(CLASSES[thread["type"]](thread["text"]))
    assert cause.kind == KINDS[thread["means"]], cause.message
    assert has_lost_gpu(cause) == (thread["means"] == "spent")
    assert bool(cause.fix) == (thread["means"] == "setup")
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
    "setup": (35, 209, 304, 802, 805),
    "job": (1, 9, 701),
}


@pytest.mark.parametrize(
    ("code", "meaning"), [(code, meaning) for meaning, codes in CODES.items() for code in codes]
)
def test_a_code_counts_before_words(code, meaning):
    error = accelerator_error(code)
    assert finding(error, str(error)).meaning == meaning


STATUSES = {
    "out of memory": """CUDNN_STATUS_ALLOC_FAILED
        CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
        CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED CUBLAS_STATUS_ALLOC_FAILED
        CUSOLVER_STATUS_ALLOC_FAILED CUSPARSE_STATUS_ALLOC_FAILED CUFFT_ALLOC_FAILED
        CURAND_STATUS_ALLOCATION_FAILED CUBLAS_STATUS_NOT_INITIALIZED CUDA_ERROR_OUT_OF_MEMORY
        cudaErrorMemoryAllocation""",
    "worker lost": """CUBLAS_STATUS_EXECUTION_FAILED CUBLAS_STATUS_MAPPING_ERROR
        CUDNN_STATUS_EXECUTION_FAILED CUDNN_STATUS_EXECUTION_FAILED_CUDART CUFFT_EXEC_FAILED
        CUSOLVER_STATUS_EXECUTION_FAILED CURAND_STATUS_LAUNCH_FAILURE CUDA_ERROR_ILLEGAL_ADDRESS
        CUDA_ERROR_LAUNCH_FAILED CUDA_ERROR_ECC_UNCORRECTABLE CUDA_ERROR_ASSERT
        CUDA_ERROR_HARDWARE_STACK_ERROR CUDA_ERROR_UNKNOWN cudaErrorIllegalAddress
        cudaErrorLaunchFailure cudaErrorAssert cudaErrorUnknown cudaErrorMisalignedAddress
        ncclSystemError ncclInternalError ncclRemoteError""",
    "error": """CUBLAS_STATUS_INVALID_VALUE CUBLAS_STATUS_NOT_SUPPORTED CUDNN_STATUS_BAD_PARAM
        CUDNN_STATUS_NOT_SUPPORTED CUBLAS_STATUS_ARCH_MISMATCH CUDNN_STATUS_ARCH_MISMATCH
        CUDNN_STATUS_VERSION_MISMATCH ncclInvalidUsage ncclInvalidArgument CUDA_ERROR_NO_DEVICE
        CUDA_ERROR_NO_BINARY_FOR_GPU CUDA_ERROR_INVALID_VALUE""",
}
"""Names out of NVIDIA's references, by what they mean."""


@pytest.mark.parametrize(
    ("status", "kind"), [(name, kind) for kind, names in STATUSES.items() for name in names.split()]
)
def test_names_of_statuses(status, kind):
    assert classify(RuntimeError(f"failed with {status}: see the manual")).kind == kind


SETTINGS = (
    "NCCL error: unhandled system error\nLast error:\nBootstrap : no socket interface found",
    "[enforce fail at device.cc:208] ifa != nullptr. Unable to find address for: eth9",
    "Failed to find C compiler. Please specify via CC environment variable.",
    "nvrtc: error: invalid value for --gpu-architecture (-arch)",
    "ptxas fatal : Value 'sm_120' is not defined for option 'gpu-name'",
)


@pytest.mark.parametrize("text", SETTINGS)
def test_what_a_host_lacks_is_no_lost_worker(text):
    cause = classify(RuntimeError(text))
    assert cause.kind == "error"
    assert cause.fix


USERS_OWN = (
    AssertionError("shape assertion for stage 3 triggered"),
    AssertionError("assert in the loss was triggered by label 7"),
    RuntimeError("column 'xid' is not in the table"),
    RuntimeError("xid 17 is not in the table"),
    RuntimeError("no valid algorithm for kernel size 4"),
    RuntimeError("no valid engine in this car"),
    RuntimeError("my cache: failed to allocate an id"),
    RuntimeError("cannot allocate channels to 3 groups"),
    RuntimeError("the replay store is out of memory slots"),
    RuntimeError("not enough memory tokens for this sequence"),
    RuntimeError("the device is lost in the graph of devices"),
    RuntimeError("uncorrectable label in row 3"),
    RuntimeError("illegal instruction in the program of the layer"),
    RuntimeError("contained error bars below zero"),
    RuntimeError("heartbeat signals need 2 channels"),
    RuntimeError("the feature store timed out"),
    RuntimeError("Connection refused"),
    RuntimeError("broken pipe between stages 1 and 2"),
    RuntimeError("watchdog images need 3 channels"),
    ConnectionError(
        "HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded with url: /w.pt "
        "(Caused by NewConnectionError: [Errno 111] Connection refused)"
    ),
    ConnectionRefusedError(111, "Connection refused"),
    ConnectionResetError(104, "Connection reset by peer"),
    BrokenPipeError(32, "Broken pipe"),
    TimeoutError("The read operation timed out"),
    TimeoutError("timed out waiting for the label store"),
)
"""Errors of users' own code, whose words are near those of CUDA, and which happen again."""


@pytest.mark.parametrize("error", USERS_OWN, ids=str)
def test_errors_of_users_code_are_no_lost_worker_and_no_lack_of_memory(error):
    cause = classify(error)
    assert cause.kind == "error"
    assert not has_lost_gpu(cause)
    assert not cause.fix


def test_a_fix_names_all_that_may_mend_it():
    image = classify(RuntimeError("Triton Error [CUDA]: device kernel image is invalid")).fix
    assert "build of torch" in image
    assert "NVIDIA driver" in image
    interface = classify(RuntimeError("Unable to find address for: eth9")).fix
    assert "GLOO_SOCKET_IFNAME" in interface
    assert "`resources`" in interface


def test_words_of_other_libraries_are_the_jobs_own():
    for error in (ValueError("out of memory"), KeyError("device-side assert triggered")):
        assert classify(error).kind == "error"


def test_an_error_that_was_raised_from_another_means_what_that_means():
    def wrapped(inner: Exception) -> Exception:
        try:
            raise ValueError("the network's own words") from inner
        except ValueError as error:
            return error

    assert classify(wrapped(torch.OutOfMemoryError("CUDA out of memory"))).kind == "out of memory"
    lost = classify(wrapped(accelerator_error(700)))
    assert has_lost_gpu(lost)
    message = "ValueError: the network's own words; this process can no longer use its GPU"
    assert lost.message == message
    assert "words of a later release" in lost.traceback
    assert classify(wrapped(KeyError("layer"))).kind == "error"


def test_a_device_that_no_longer_answers_counts_whatever_is_said(monkeypatch):
    """The two calls are those that every process makes; here they answer as after an assert."""
    answers = [accelerator_error(710), accelerator_error(900), torch.OutOfMemoryError("no room")]

    def answer():
        raise answers[0]

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", answer)
    assert has_lost_gpu(classify(RuntimeError("shapes differ")))
    del answers[0]
    assert classify(RuntimeError("shapes differ")).kind == "error", "a capture is under way"
    del answers[0]
    assert classify(torch.OutOfMemoryError("CUDA out of memory")).kind == "out of memory"


def test_a_message_keeps_what_was_said_and_says_what_follows():
    text = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously"
    cause = classify(RuntimeError(text))
    assert cause.message == (
        "CUDA error: device-side assert triggered; this process can no longer use its GPU"
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
    assert has_lost_gpu(ended.value.value.cause)
    assert ledger.result(request.job.id) == ended.value.value
