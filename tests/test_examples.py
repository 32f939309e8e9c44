"""What newcomers copy: every example, every command of the README, the committed schema."""

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from compound.jobs.device_model import describe
from compound.jobs.store.artifacts import ArtifactStore
from tests.support.command import compound
from tests.support.pages import blocks, commands

if TYPE_CHECKING:
    from compound.cluster.ray_session import Session

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
COMMAND = [sys.executable, "-m", "compound"]
FASHION = Path("/usr/share/datasets/fashion-mnist")
HANGS = 1800
"""Seconds after which a command hangs; a machine that others use is ten times slower."""
CIFAR10 = os.environ.get("COMPOUND_CIFAR10", "")


def overrides(example: Path) -> list[str]:
    """Return what an example needs to find its data here."""
    if example.stem == "factory":
        return ["--allow-import"]
    if example.stem == "fashion-mnist" and not FASHION.exists():
        pytest.skip(f"{FASHION} comes with the package dataset-fashion-mnist")
    if example.stem != "cifar10":
        return []
    if not CIFAR10:
        pytest.skip("COMPOUND_CIFAR10 names no folder with CIFAR-10")
    files = {"data.path": "train.parquet", "data.test_path": "test.parquet"}
    return [w for key, name in files.items() for w in ("--set", f"{key}={CIFAR10}/{name}")]


def process(*words: str, **options) -> str:
    """Run a command that must succeed as a process; return what it prints."""
    ran = subprocess.run([*COMMAND, *words], capture_output=True, text=True, **options)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def printed(*words: str, cwd: Path | None = None) -> str:
    """Run a command that must succeed in this process; return what it prints."""
    ran = compound(*words, cwd=cwd)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_planned(example: Path) -> None:
    plan = json.loads(printed("plan", str(example), "--json", *overrides(example)))
    assert plan["jobs"]
    assert plan["prediction"]["memory"] > 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_the_schema_that_editors_use(example: Path) -> None:
    assert example.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
    schema = json.loads((ROOT / "examples" / "schema.json").read_text())
    jsonschema.validate(YAML(typ="safe", pure=True).load(example.read_text()), schema)


def test_the_papers_comparison_fits_workers_of_24_gib() -> None:
    plan = json.loads(printed("plan", str(ROOT / "examples" / "paper-grid.yaml"), "--json"))
    assert not [text for text in plan["warnings"] if "memory of up to" in text or "not fit" in text]
    ways = {"choice", "depth", "width", "resolution", "published"}
    assert {(row["phi"], row["along"]) for row in plan["family"] if row["phi"]} == {
        (phi, way) for phi in (1, 2, 3) for way in ways
    }
    assert max(row["memory"][1] for row in plan["family"]) < 24 * 2**30


def test_the_committed_schema_is_current() -> None:
    assert (ROOT / "examples" / "schema.json").read_text() == printed("schema")


def test_the_plan_of_the_quickstart_is_golden() -> None:
    """Networks, counts and identities; rewrite with `compound plan ... --json` when meant."""
    plan = json.loads(process("plan", str(ROOT / "examples" / "quickstart.yaml"), "--json"))
    golden = json.loads((ROOT / "tests" / "golden" / "quickstart-plan.json").read_text())
    assert exact(plan) == golden


@pytest.mark.skipif(not FASHION.exists(), reason="needs the package dataset-fashion-mnist")
def test_the_images_of_the_quickstart_are_what_the_script_beside_them_makes(tmp_path: Path) -> None:
    shipped = ROOT / "examples" / "data"
    subprocess.run([sys.executable, shipped / "shrink.py", FASHION, tmp_path], check=True)
    names = {file.name for file in (shipped / "fashion-mnist").iterdir()}
    assert len(names) == 2 and names == {file.name for file in tmp_path.iterdir()}
    for name in names:
        # Other versions of zlib pack other bytes.
        packed = (folder / name for folder in (shipped / "fashion-mnist", tmp_path))
        assert len({gzip.decompress(file.read_bytes()) for file in packed}) == 1


def exact(plan: dict[str, Any]) -> dict[str, Any]:
    """Return what a plan says of its networks; what they take depends on the machine."""
    counted = ("phi", "ratio", "params", "macs", "activations", "resolution")
    networks = [plan["baseline"], *plan["candidates"]]
    apart = ("predicted", "macs_by_kind")
    first, *rest = [{k: v for k, v in each.items() if k not in apart} for each in networks]
    assert all(sum(each["macs_by_kind"].values()) == each["macs"] for each in networks)
    family = [{key: member[key] for key in counted} for member in plan["family"]]
    return {"points": plan["points"], "baseline": first, "candidates": rest, "family": family}


def test_a_starter_can_be_planned_and_is_not_overwritten(tmp_path: Path) -> None:
    printed("init", "mine.yaml", cwd=tmp_path)
    assert "candidates" in printed("plan", "mine.yaml", "--json", cwd=tmp_path)
    assert compound("init", "mine.yaml", cwd=tmp_path).returncode == 2


def quickstart_commands() -> list[str]:
    """Return the lines of the README that call the command for the quickstart, and the probe's.

    tests/docs/test_commands.py runs the others, and these on a study that is there already.
    """
    shown = [ROOT / "README.md", ROOT / "docs" / "how-to" / "cost.md"]
    lines = [
        line for page in shown for b in blocks(page) if b.language == "sh" for line in commands(b)
    ]
    of_readme = [line.removeprefix(".venv/bin/") for line in lines if line.startswith(".venv/bin/")]
    probe = next(line for line in lines if " --probe" in line)
    first = [line for line in of_readme if not re.search("study.yaml| init ", line)]
    return [*first, probe]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_readme(tmp_path: Path, ray_session: "Session") -> None:
    """The first study starts a Ray of its own, as it does for newcomers; the rest join one.

    What needs no Ray runs in this process, where torch is imported already.
    """
    import ray

    address = ray.get_runtime_context().gcs_address
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    typed = [shlex.split(line, comments=True)[1:] for line in quickstart_commands()]
    assert len(typed) >= 6
    alone = next(words for words in typed if words[0] == "run")
    for words in typed:
        if words[0] != "run" and "--probe" not in words:
            printed(*words, cwd=tmp_path)
            continue
        environment = {} if words is alone else {"RAY_ADDRESS": address}
        where = ["--address", address] if "--probe" in words else []
        process(*words, *where, cwd=tmp_path, timeout=HANGS, env={**os.environ, **environment})
    report = tmp_path / "runs" / "studies" / "quickstart" / "report.html"
    assert "http://" not in re.sub(r"<script.*?</script>", "", report.read_text(), flags=re.S)
    assert (tmp_path / "rows.csv").exists()
    (profile,) = ArtifactStore.open(str(tmp_path / "runs"), create=False).profiles()
    assert (profile.source, profile.device) == ("probe", describe("cpu", 1))
    assert len(profile.points) >= 8
    assert profile.seconds and profile.bytes
