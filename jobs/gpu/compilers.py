"""Which compilers torch.compile asks for; without torch, so that a host without it can be told."""

import os


def compilers(kind: str) -> tuple[str, ...]:
    """Return the programs of which torch.compile needs one: Inductor's own choice on a CPU.

    On a GPU it is Triton that asks for a C compiler, for the code that launches its kernels.
    """
    if kind == "cpu":
        return (os.environ.get("CXX", "g++"),)
    return (os.environ["CC"],) if "CC" in os.environ else ("gcc", "clang", "cc")
