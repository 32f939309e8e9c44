"""The command that an error of a user's own network ends with shows the same error, anywhere."""

import os
import subprocess
from itertools import count as numbers
from pathlib import Path

import pytest

from compound.jobs.models.scaled import Networks
from compound.schemas.errors import FactoryError

_UNIQUE = numbers()
NET = """
from torch import nn

class Net(nn.Sequential):
    def forward(self, x):
        FORWARD
        return super().forward(x)

def build(*, depth, width, resolution, num_classes, in_channels):
    BUILD
    return Net(nn.Flatten(), nn.Linear(in_channels * resolution**2, num_classes))
"""
RAISES = {
    "import": (f"raise OSError('no table')\n{NET}", "no table"),
    "build": (NET.replace("BUILD", "raise ValueError('too wide')"), "too wide"),
    "forward": (NET.replace("FORWARD", "raise KeyError('my key')"), "my key"),
}


@pytest.mark.parametrize("kind", RAISES)
def test_the_command_runs_in_any_folder(kind: str, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "nets of mine", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    name = f"own_command_{next(_UNIQUE)}"
    text, words = RAISES[kind]
    (folder / f"{name}.py").write_text(text.replace("BUILD", "pass").replace("FORWARD", "pass"))
    with pytest.raises(FactoryError, match=words) as caught:
        Networks((str(elsewhere), str(folder))).own(f"{name}:build", 8, 4, 3)
    shell = caught.value.next_step.partition("alone: ")[2]
    # No `python` is on this path, as in a shell in which no environment is activated.
    ran = subprocess.run(
        ["/bin/sh", "-c", shell],
        cwd=elsewhere,
        env={**os.environ, "PATH": str(elsewhere)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert words in ran.stderr.splitlines()[-1], shell
