"""The meaning of `precision` on a GPU, and variables of the environment that would override it.

float32 is float32 everywhere, also in convolutions, where torch's default lets cuDNN round factors
to TF32. tf32 allows this rounding in convolutions and matrix products; a device without TF32, or a
CPU, computes in float32. bfloat16 is autocast; operations that autocast leaves are float32.
"""

import os
from collections.abc import Mapping

import torch

from compound.jobs.runtime.torch_settings import MATMUL, Precision
from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe

OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""0: NVIDIA's libraries never round to TF32; 1: they always do. A program cannot change it."""
_TORCH_OVERRIDE = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"
_CONTRARY = {"float32": "1", "tf32": "0"}


def multiplied(recipe: Recipe) -> Precision:
    """Return how a GPU multiplies float32 in a job's training and evaluation."""
    return "tf32" if recipe.precision == "tf32" else "ieee"


def check_precision(
    recipe: Recipe, device: torch.device, environment: Mapping[str, str] = os.environ
) -> None:
    """Raise PlanError where the environment of a GPU's process overrides the precision of a job.

    Call it under the job's own settings.
    """
    if device.type != "cuda":
        return
    if OVERRIDE in environment and environment[OVERRIDE] == _CONTRARY.get(recipe.precision):
        raise _forced(recipe, OVERRIDE, environment[OVERRIDE])
    # torch's variable sets the value at the start of a process, and a job's settings replace it
    # (tried with torch 2.13). The documentation says that the variable wins: this detects it.
    if torch.backends.cuda.matmul.allow_tf32 != (multiplied(recipe) == "tf32"):
        raise _forced(recipe, _TORCH_OVERRIDE, environment.get(_TORCH_OVERRIDE, ""))


def _forced(recipe: Recipe, name: str, value: str) -> PlanError:
    return PlanError(
        f"the job's precision is {recipe.precision}, but the worker's environment overrides it by "
        f"{name}={value}",
        where="train.precision",
        allowed="tf32 or bfloat16" if recipe.precision == "float32" else "float32 or bfloat16",
        next_step=f"unset {name} on the workers' hosts, before the first job of a process",
    )


def float32_of(device: torch.device) -> str:
    """Return how float32 is multiplied now: ieee or tf32, as set or as the environment forces."""
    if device.type != "cuda":
        return "ieee"
    forced = {"0": "ieee", "1": "tf32"}.get(os.environ.get(OVERRIDE, ""))
    precision: str = forced or MATMUL.read()
    return precision
