"""The compiler that torch.compile calls in turn: a host without one cannot compile a network."""

import os
import shutil

import torch

from schemas.errors import PlanError
from schemas.recipe import Recipe


def compilers(device: torch.device) -> tuple[str, ...]:
    """Return the programs of which torch.compile needs one: Inductor's own choice on a CPU.

    On a GPU it is Triton that asks for a C compiler, for the code that launches its kernels.
    """
    if device.type == "cpu":
        return (os.environ.get("CXX", "g++"),)
    return (os.environ["CC"],) if "CC" in os.environ else ("gcc", "clang", "cc")


def check_compiler(recipe: Recipe, device: torch.device) -> None:
    """Raise PlanError where a network is to be compiled and this host has nothing to do it with."""
    names = compilers(device)
    if recipe.compile is True and not any(map(shutil.which, names)):
        raise PlanError(
            f"torch.compile needs {' or '.join(names)}, and the worker's host has none",
            where="train.compile",
            next_step=f"install {names[0]} on the workers' hosts, or set `compile: false`",
        )
