"""A driver's library that tells of GPUs which are not there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
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
    library = folder / "libnvidia-ml.so.1"
    if not library.exists():
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    given = {name: text for name, text in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    told = f"{driver}|{cuda}|{';'.join(gpus)}"
    if build:
        patch = f"import torch.version\ntorch.version.cuda = {build!r}\n"
        (folder / "sitecustomize.py").write_text(patch)
        given["PYTHONPATH"] = str(folder)
    return {**given, "LD_LIBRARY_PATH": str(folder), "FAKE_NVML": told}
