"""What this process's torch can reach, as JSON: the build in a first line, devices in a second.

    python -m compound.jobs.host.torch_facts

In a process of its own: a broken driver can hang the first call, and the first line is then known.
"""

import sys
import warnings
from itertools import permutations

import torch

from compound.schemas.host import TorchDevice, TorchFacts


def build() -> TorchFacts:
    """Describe the build; no device is asked."""
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
    """Add what torch finds: its devices, or what it says where it finds none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        texts = [" ".join(str(warning.message).split()) for warning in caught]
    error = texts[0] if texts and not count else ""
    if not count and facts.cuda and not error:
        error = _refusal()
    return facts.model_copy(
        update={
            "devices": tuple(_device(index) for index in range(count)),
            # Kernels are listed only where a device is found, which is where they matter.
            "architectures": tuple(torch.cuda.get_arch_list()) if count else (),
            "peers": tuple(pair for pair in permutations(range(count), 2) if not _reach(*pair)),
            "error": error,
        }
    )


def _device(index: int) -> TorchDevice:
    properties = torch.cuda.get_device_properties(index)
    free, error = None, ""
    try:
        free = torch.cuda.mem_get_info(index)[0]
    except RuntimeError as refused:
        error = str(refused).partition("\n")[0]
    return TorchDevice(
        index=index,
        name=properties.name,
        capability=(properties.major, properties.minor),
        memory=properties.total_memory,
        free=free,
        error=error,
    )


def _reach(first: int, second: int) -> bool:
    return bool(torch.cuda.can_device_access_peer(first, second))


def _nccl() -> str:
    try:
        version = torch.cuda.nccl.version()  # type: ignore[no-untyped-call]
        return ".".join(map(str, version))
    except (AttributeError, RuntimeError):
        return ""  # a build without it


def _refusal() -> str:
    """Return what torch says when it is made to look for a device."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split())
    return ""


def main() -> None:
    """Write both lines."""
    facts = build()
    sys.stdout.write(facts.model_dump_json() + "\n")
    sys.stdout.flush()
    sys.stdout.write(reached(facts).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
