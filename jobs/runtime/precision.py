"""What `precision` means on a GPU, and what of its environment would make it mean another thing.

float32 is float32 throughout, in convolutions too, where cuDNN rounds factors to TF32 by torch's
default. tf32 allows that, in convolutions and matrix products; a device without it computes in
float32, as a CPU does. bfloat16 is autocast, with float32 where that leaves it.
"""

import os
from collections.abc import Mapping

import torch

from compound.jobs.runtime.torch_settings import MATMUL, Precision
from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe

OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""0: NVIDIA's libraries never round to TF32, whatever a program asks for; 1: they always do."""
_TORCHS = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"
_CONTRARY = {"float32": "1", "tf32": "0"}


def multiplied(recipe: Recipe) -> Precision:
    """Return how a GPU multiplies float32 in a job's training and evaluation."""
    return "tf32" if recipe.precision == "tf32" else "ieee"


def check_precision(
    recipe: Recipe, device: torch.device, environment: Mapping[str, str] = os.environ
) -> None:
    """Raise PlanError where the environment of a GPU's process has the last word on precision.

    To be called under the job's own settings.
    """
    if device.type != "cuda":
        return
    if OVERRIDE in environment and environment[OVERRIDE] == _CONTRARY.get(recipe.precision):
        raise _forced(recipe, OVERRIDE, environment[OVERRIDE])
    # torch's variable sets what a process starts with, and a job's settings replace that (tried
    # with torch 2.13). Its documentation says that it wins: where it does, this tells.
    if torch.backends.cuda.matmul.allow_tf32 != (multiplied(recipe) == "tf32"):
        raise _forced(recipe, _TORCHS, environment.get(_TORCHS, ""))


def _forced(recipe: Recipe, name: str, value: str) -> PlanError:
    return PlanError(
        f"the job's precision is {recipe.precision}, and the worker's environment has "
        f"{name}={value}, which decides otherwise",
        where="train.precision",
        allowed="tf32 or bfloat16" if recipe.precision == "float32" else "float32 or bfloat16",
        next_step=f"unset {name} on the workers' hosts, before the first job of a process",
    )


def float32_of(device: torch.device) -> str:
    """Say how float32 is multiplied here and now: ieee, tf32, or what the environment forces."""
    if device.type != "cuda":
        return "ieee"
    forced = {"0": "ieee", "1": "tf32"}.get(os.environ.get(OVERRIDE, ""))
    precision: str = forced or MATMUL.read()
    return precision
