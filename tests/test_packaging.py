"""What is installed, uploaded and released."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.house import ROOT, trees


@pytest.mark.slow
def test_the_wheel_holds_one_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, source, ignore=ignore, symlinks=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"compound"}
    sources = {f"compound/{path}" for path in trees()}
    assert sources <= set(names)


def test_the_lock_pins_everything_and_names_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all("==" in line and "://" not in line for line in pins)
    assert "torch==2.13.0" in pins
