"""A node that lacks packages: commands that do not need them work, the others name them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DRAWING = ("jinja2", "markupsafe")
SELDOM = (*DRAWING, "ray", "sklearn", "s3fs", "fsspec", "botocore", "duckdb", "deltalake")
REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
from compound.orchestrator.__main__ import main
main(sys.argv[1:])
"""
SPEC = """\
kind: train
name: tiny
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline:
  resolution: 8
  stem: {{channels: 4, stride: 1}}
  stages: [{{channels: 4, expand: 1, se: 0}}]
  head: 8
coefficients: {{alpha: 1.2, beta: 1.1, gamma: 1.15}}
phi: 1
train: {{epochs: 1, batch: 32}}
resources: {{workers: 1, cpus: 1, gpus: 0}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs"))
    return str(path)


def compound(packages: tuple[str, ...], *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process in which none of these packages can be imported."""
    code = REFUSE.format(packages=packages)
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize(
    "words",
    [("--help",), ("validate",), ("plan", "--json"), ("count", "efficientnet-b0"), ("models",)],
    ids=lambda words: words[0],
)
def test_reading_needs_neither_what_draws_nor_ray(words: tuple[str, ...], spec: str) -> None:
    takes_spec = words[0] in ("validate", "plan")
    found = compound(SELDOM, *words, *([spec] if takes_spec else []))
    assert found.returncode == 0, found.stderr
    assert found.stdout


def test_training_ends_and_only_the_report_is_left_out(spec: str, tmp_path: Path) -> None:
    ran = compound(SELDOM, "run", spec, "--runner", "local", "--json")
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert (answer["status"], answer["report"]) == ("done", None)
    assert answer["family"][0]["done"] == 1
    assert ran.returncode == 1  # 0 would say that all of it worked
    assert "the report cannot be drawn" in ran.stderr
    store = str(tmp_path / "runs")
    assert f"compound report tiny --store {store}" in ran.stderr
    status = compound(SELDOM, "status", "tiny", "--store", store, "--json")
    assert status.returncode == 0 and json.loads(status.stdout)
    unwanted = compound(SELDOM, "run", spec, "--runner", "local", "--no-report")
    assert unwanted.returncode == 0, unwanted.stderr
    assert "report: not made" in unwanted.stdout
    later = compound((), "report", "tiny", "--store", store)
    assert later.returncode == 0 and Path(later.stdout.strip()).is_file()


def test_a_command_that_needs_a_package_names_it(spec: str) -> None:
    found = compound(("scipy",), "run", spec, "--runner", "local")
    assert found.returncode == 1
    assert "next: pip install scipy" in found.stderr
    assert "internal error" not in found.stderr
