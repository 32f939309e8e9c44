"""The build of torch and the devices that it reaches, as two lines of JSON.

    python -m compound.jobs.host.torch_facts

It runs as a child process: a broken driver can hang the first call to a device, after the first
line was written.
"""

import sys
import warnings
from itertools import permutations

import torch

from compound.jobs.wording.plain_streams import open_streams
from compound.schemas.machine.host import TorchDevice, TorchFacts


def build() -> TorchFacts:
    """Describe the build, without a call to a device."""
    cuda = torch.version.cuda or ""
    return TorchFacts(
        version=str(torch.__version__),
        cuda=cuda,
        rocm=torch.version.hip or "",
        cudnn=str(torch.backends.cudnn.version() or "") if cuda else "",  # type: ignore[no-untyped-call]
        nccl=_nccl() if cuda else "",
        convolutions_tf32=bool(torch.backends.cudnn.allow_tf32),
        products_tf32=bool(torch.backends.cuda.matmul.allow_tf32),
    )


def reached(facts: TorchFacts) -> TorchFacts:
    """Add the devices of torch, or its error where it finds none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        texts = [" ".join(str(warning.message).split()) for warning in caught]
    error = texts[0] if texts and not count else ""
    if not count and facts.cuda and not error:
        error = _initialisation_error()
    return facts.model_copy(
        update={
            "devices": tuple(_device(index) for index in range(count)),
            # get_arch_list() is empty without a device; only with one do the kernels matter.
            "architectures": tuple(torch.cuda.get_arch_list()) if count else (),
            "peers": tuple(pair for pair in permutations(range(count), 2) if not _are_peers(*pair)),
            "error": error,
        }
    )


def _device(index: int) -> TorchDevice:
    properties = torch.cuda.get_device_properties(index)
    free, error = None, ""
    try:
        free = torch.cuda.mem_get_info(index)[0]
    except RuntimeError as failure:
        error = str(failure).partition("\n")[0]
    return TorchDevice(
        index=index,
        name=properties.name,
        capability=(properties.major, properties.minor),
        memory=properties.total_memory,
        free=free,
        error=error,
    )


def _are_peers(first: int, second: int) -> bool:
    return bool(torch.cuda.can_device_access_peer(first, second))


def _nccl() -> str:
    try:
        version = torch.cuda.nccl.version()  # type: ignore[no-untyped-call]
        return ".".join(map(str, version))
    except (AttributeError, RuntimeError):
        return ""  # a build without it


def _initialisation_error() -> str:
    """Return torch's error when it is forced to initialise CUDA."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split())
    return ""


def main() -> None:
    """Write both lines."""
    open_streams()
    facts = build()
    sys.stdout.write(facts.model_dump_json(ensure_ascii=True) + "\n")
    # A pipe is block-buffered: the line must be out before a call to the driver can hang.
    sys.stdout.flush()
    sys.stdout.write(reached(facts).model_dump_json(ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
