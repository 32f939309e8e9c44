"""A driver's library that tells of GPUs which are not there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.forked import run_forked

SOURCE = Path(__file__).with_name("fake_nvml.c")
NAME = "libnvidia-ml.so.1"
SHARED = ("-shared", "-fPIC", f"-Wl,-soname,{NAME}")
H200 = "GPU-8f1c,NVIDIA H200,140,-1"


def environment(
    folder: Path, *gpus: str, driver: str = "570.86", cuda: int = 12080, build: str = ""
) -> dict[str, str]:
    """Build the library, and return the environment in which a process finds it.

    `build`: the CUDA that torch says it was built for; by default what the installed one says.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = folder / NAME
    if not library.exists():
        subprocess.run([compiler, *SHARED, "-o", library, SOURCE], check=True)
    given = {name: text for name, text in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    told = f"{driver}|{cuda}|{';'.join(gpus)}"
    if build:
        patch = f"import torch.version\ntorch.version.cuda = {build!r}\n"
        (folder / "sitecustomize.py").write_text(patch)
        given["PYTHONPATH"] = str(folder)
    return {**given, "LD_LIBRARY_PATH": str(folder), "FAKE_NVML": told}


_LOADED = """
import ctypes, os, runpy
folder = os.environ.get("LD_LIBRARY_PATH", "")
if os.path.exists(folder + "/libnvidia-ml.so.1"):
    ctypes.CDLL(folder + "/libnvidia-ml.so.1")
if os.path.exists(folder + "/sitecustomize.py"):
    runpy.run_path(folder + "/sitecustomize.py")
"""
"""The loader reads its path, and Python its own, only when a process starts. Later the loader takes
a library of the same soname that is loaded already."""


def beside_driver(variables: dict[str, str], code: str, *arguments: str) -> str:
    """Run code in the environment of a driver; return what it printed."""
    return run_forked("-c", _LOADED + code, *arguments, environment=variables).stdout
