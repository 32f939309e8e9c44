"""The compilers that torch.compile needs. Without torch, so that any host can be checked."""

import os


def compilers(kind: str) -> tuple[str, ...]:
    """Return the programs of which torch.compile needs one.

    On a CPU Inductor compiles its kernels with a C++ compiler. On a GPU Triton compiles the code
    that launches its kernels with a C compiler.
    """
    if kind == "cpu":
        return (os.environ.get("CXX", "g++"),)
    return (os.environ["CC"],) if "CC" in os.environ else ("gcc", "clang", "cc")
