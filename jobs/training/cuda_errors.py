"""What errors of CUDA and its libraries mean for a job, by torch's code and else by their text.

An error of a kernel is sticky: the process's context is lost, and every later call that touches
the device fails as well (CUDA Runtime API, cudaError_t). Memory that is short is not.
Texts are those of cudaGetErrorString and of the libraries' status names: families, not sentences.
"""

import re
from dataclasses import dataclass
from typing import Literal

import torch
from torch import distributed

Meaning = Literal["memory", "process", "link", "setup", "job"]
"""`memory`: less at a time may fit. `process`: this process can use its GPU no more. `link`:
another worker or the network failed. `setup`: the host or the installation is at fault. `job`:
none of these."""


@dataclass(frozen=True)
class Finding:
    """What an error means, and what mends it where that is known."""

    meaning: Meaning
    fix: str = ""


_CODES: dict[Meaning, tuple[int, ...]] = {
    "memory": (2,),
    "process": (
        *(3, 4, 46, 201, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721),
        *(802, 805, 806, 807, 808, 809, 810, 911, 999),
    ),
    "setup": (35, 36, 98, 100, 101, 200, 209, 218, 221, 222, 300, 500, 803, 804),
}
"""Values of cudaError_t (CUDA 12 and 13) that torch gives as `error_code`; others are the job's."""

_KERNEL = r"out of resources?: |outofresources|too many (resources requested|blocks in cooperative)"
"""A kernel that asks for more of a multiprocessor than there is: fewer images change nothing."""

_LIBRARY = r"(cublas(lt)?|cudnn|cusolver|cusparse(lt)?|cufft|curand|nvrtc)"

_MEMORY = (
    r"out[ _]of[ _](the[ _])?(shared[ _]|host[ _]|device[ _]|gpu[ _])?memory",
    r"cudaerrormemoryallocation|posix_memalign|bad[ _]alloc|tried to allocate",
    r"_alloc(ation)?_failed|(memory|resource) allocation (failed|failure|error)",
    r"(can ?not|can't|could not|unable to|failed to) (be )?(cuda )?(c|m|re)?alloc(ate)?\b",
    r"(not enough|insufficient) (\w+ )?memory",
    r"could not create a (primitive(?! desc)|memory object)",  # oneDNN, on a CPU
    # A library that finds no room for its handle, plan or workspace says so by what it could not
    # do: cuBLAS, cuDNN and cuSOLVER when a handle is made, cuFFT always (pytorch/pytorch#119420).
    _LIBRARY + r"\w*_(not_initialized|init\w*_failed)|library not initialized|cufft_internal_error",
    _LIBRARY + r"\w*_internal_error,? when calling .?cu\w+create",
    r"unable to find (an engine|a valid cudnn algorithm)|no valid (\w+ )?(algorithm|engine)",
    # Shared memory of data workers; the signal is what a full /dev/shm gives who writes to it.
    r"shared memory ?\(shm\)|killed by signal: bus error|unexpected bus error",
    r"unable to (open|write|resize|map|mmap|stat)[^\n]*(shared memory object|<?/torch_)",
)

_PROCESS = (
    r"illegal memory access|misaligned address|illegal instruction|invalid program counter",
    r"hardware stack error|device-side assert|assert(ion)? [^\n]*triggered",
    r"(unspecified|kernel) launch failure|launch timed out|not supported on global/shared",
    r"\becc error|uncorrectable|nvlink error|over nvlink|contained error|tensor memory leak",
    r"fallen off the bus|\bxid\b|(gpu|device) (is|was|has been) lost|device lost",
    r"driver shutting down|context is destroyed|invalid device context|gpu requires reset",
    r"(cuda|hip|driver|runtime)[^\n]*\bunknown error|cudaerrorunknown|\bexternal entity outside",
    r"(cuda|hip|driver)[^\n]*\binitialization error|system not yet initialized",
    r"busy or unavailable|mps (client|server|control)|required to (create mps|support device conn)",
    _LIBRARY + r"\w*_(exec(ution)?_failed|mapping_error|internal_error|launch_failure)",
    r"gpu program failed to execute|access to gpu memory space failed|preexisting_failure",
    r"cuda_error_(illegal_\w+|misaligned_address|assert|launch_(failed|timeout)|hardware_stack_error)",
    r"cuda_error_(ecc_uncorrectable|unknown|deinitialized|invalid_pc|device_unavailable)",
    r"cudaerror(illegal\w+|misaligned|assert|launch(failure|timeout)|hardware\w+|ecc\w+|devicesunav)",
)

_BUILD = (
    "install a build of torch that is made for this GPU: torch.cuda.get_arch_list() names what "
    "this one is made for"
)
_DRIVER = (
    "update the host's NVIDIA driver (restart it after an update), or install a torch for an older "
    "CUDA"
)
_VISIBLE = (
    "compare CUDA_VISIBLE_DEVICES and `nvidia-smi` on the host with `gpus` of the job's resources"
)
_SETUP = (
    (r"no kernel image|invalid device function|kernel image is invalid|symbol not found", _BUILD),
    (r"arch_mismatch|not compatible with the current pytorch|ptx (jit|was|compil)", _BUILD),
    (r"provided ptx|not compiled with cuda|cuda_error_(no_binary|invalid_image)", _BUILD),
    (r"gpu-architecture|\bsm_\d+\w* is not|failed to open libnvrtc|ptxas fatal", _BUILD),
    (r"driver version is insufficient|driver on your system is too old|newer driver", _DRIVER),
    (r"forward compatibility|unsupported display driver|driver/library version", _DRIVER),
    (r"found no nvidia driver|driver initialization failed", _DRIVER),
    (r"invalid device (ordinal|id)|no cuda(-capable)? (device|gpu)s?|no_device", _VISIBLE),
    (r"no gpus? (found|available)|device < num_gpus|device_count", _VISIBLE),
    (
        r"duplicate gpu detected",
        "give every worker a GPU of its own, or `gpus` below 1: gloo lets workers share one",
    ),
    (
        r"ncclinvalid(usage|argument)|nccl[^\n]*version mismatch|mismatched? nccl",
        "start every worker with the same torch, and with the same job",
    ),
    (
        r"cudnn[\w ]*version[_ ](mismatch|incompatib)|sublibrary_loading_failed|load\w* libcudnn",
        "take other cuDNN libraries off LD_LIBRARY_PATH: torch brings its own",
    ),
    (
        r"no socket interface found|unable to find (address for|interface)",
        "name the network interface of the hosts: `interface` under the job's resources",
    ),
    (
        r"failed to find c compiler|working triton|too old to be supported by the triton|python\.h",
        "install gcc and Python's headers on the host, or set `compile: false` in the recipe",
    ),
    (r"too many open files", "raise the limit of open files: `ulimit -n 65536`"),
    (r"re-initialize cuda in forked", "start processes by spawn where the network's code does"),
)

_LINK = (
    r"connection (was )?(closed|reset|refused|timed out|aborted)|broken pipe|remote (peer|process)",
    r"collective operation timeout|ncclremoteerror|ncclsystemerror|ncclinternalerror",
    r"unhandled (system|cuda) error|nccl[^\n]*(abort|timed? ?out|error)|watchdog",
    r"socket (timeout|error|has timed out)|no route to host|(network|host) is unreachable",
    r"(gloo|process ?group|barrier|store|peer|rank|recv|send|rendezvous)[^\n]*tim(ed|e) ?out",
    r"timed? ?out[^\n]*(gloo|process ?group|barrier|store|peer|rank|recv|send|client)",
    r"monitored_?barrier|connectfullmesh|heartbeat|application timeout caused pair closure",
)

_SHM = (
    r"shm/nccl|nccl-shm|shared memory segment",
    "give the container more shared memory: `docker run --shm-size=8g`, or an emptyDir of medium "
    "Memory at /dev/shm",
)


def finding(error: BaseException, text: str) -> Finding:
    """Say what an error means; the device's own answer, a code and a class count before words.

    An error that says nothing itself may have been raised from one that does.
    """
    if _lost():
        return Finding("process")
    found = _judged(error, plain(text).lower()) if _of_torch(error) else Finding("job")
    if found.meaning == "job" and error.__cause__ is not None:
        return finding(error.__cause__, str(error.__cause__))
    return found


def _judged(error: BaseException, words: str) -> Finding:
    if isinstance(error, torch.OutOfMemoryError):
        return Finding("memory")
    coded, fix = _coded(error), _fix(words)
    if coded is not None:
        return Finding(coded, fix if coded == "setup" else "")
    return _said(words, fix, isinstance(error, distributed.DistError))


def _said(words: str, fix: str, linked: bool) -> Finding:
    """Judge by words alone; `linked`: the error came out of a collective."""
    if _any((_KERNEL,), words):
        return Finding("job")
    if _any((_SHM[0],), words):  # NCCL's own, which no smaller batch helps
        return Finding("link", _SHM[1])
    if _any(_MEMORY, words) and not fix:
        return Finding("memory")
    if fix:
        return Finding("setup", fix)
    if _any(_PROCESS, words):
        return Finding("process")
    return Finding("link" if linked or _any(_LINK, words) else "job")


def _of_torch(error: BaseException) -> bool:
    """Whether an error may come from torch, Triton or CUDA, which raise RuntimeError mostly."""
    named = type(error).__module__.partition(".")[0] in ("torch", "triton")
    builtin = RuntimeError | AssertionError | TimeoutError | ConnectionError
    return named or isinstance(error, builtin)


def _coded(error: BaseException) -> Meaning | None:
    code = getattr(error, "error_code", None)
    if not isinstance(code, int):
        return None
    return next((meaning for meaning, codes in _CODES.items() if code in codes), None)


def _fix(words: str) -> str:
    return next((fix for pattern, fix in _SETUP if re.search(pattern, words)), "")


def _any(patterns: tuple[str, ...], words: str) -> bool:
    return any(re.search(pattern, words) for pattern in patterns)


def _lost() -> bool:
    """Ask the device whether it still answers; neither call waits for work that is under way.

    After a sticky error every call returns it, whatever the words of the error were. To
    synchronise would be surer, but may wait for ever in a collective that a peer has not joined.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.current_stream().query()
        torch.cuda.mem_get_info()
    except RuntimeError as error:  # anything else, as in the midst of a capture, will pass
        return _coded(error) == "process" or _any(_PROCESS, plain(str(error)).lower())
    return False


_NOISE = (
    "CUDA kernel errors might be",
    "For debugging consider",
    "Compile with `TORCH_USE_CUDA_DSA`",
    "Device-side assertion tracking was not enabled",
    "Search for `cuda",
    "Exception raised from",
    "frame #",
    "C++ CapturedTraceback",
)


def plain(text: str) -> str:
    """Return a text without the lines that torch adds to every error of CUDA."""
    lines = [line for line in text.splitlines() if line.strip()]
    said = [line.rstrip() for line in lines if not line.strip().startswith(_NOISE)]
    return "\n".join(said) or text
