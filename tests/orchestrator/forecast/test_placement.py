"""What the command line says of GPUs: as decided, as asked for, and as they are lacking."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.specs import plan as planning
from compound.orchestrator.spec.load import load
from compound.schemas.errors import SpecError
from tests.support.fake_driver import H200, beside_driver, environment

ROOT = Path(__file__).parents[3]
SPEC = """\
kind: study
name: placed
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline: {{resolution: 8, stem: {{channels: 8}}, stages: [{{channels: 8}}]}}
search:
  design: {{kind: lattice, degree: 2}}
  budget: {{tolerance: 0.4}}
  controls: []
  seeds: 1
family: {{phi: [1]}}
train: {{epochs: 1, batch: 32}}
resources:
  search: {{gpus: {search}}}
  family: {family}
"""


@pytest.fixture
def spec(tmp_path: Path):
    """Write a study whose search and family ask for these GPUs; return its path."""

    def write(search: object = 0, family: str = "{gpus: 0}") -> Path:
        path = tmp_path / "spec.yaml"
        path.write_text(SPEC.format(store=tmp_path / "runs", search=search, family=family))
        return path

    return write


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def plan(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        assert self.code == 2, self.err
        assert "internal error" not in self.err and "\n  next: " in self.err
        return self.err


SEVERAL = """
import contextlib, io, json, sys
from compound.orchestrator.__main__ import main

for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]), file=sys.__stdout__)
"""


def compound(*commands: tuple[object, ...], env: dict[str, str] | None = None) -> list[Done]:
    """Run commands, all in one process, which has the driver of the environment."""
    words = json.dumps([[*map(str, command)] for command in commands])
    with chdir(ROOT):
        text = beside_driver(env or {}, SEVERAL, words)
    return [Done(*json.loads(line)) for line in text.splitlines()]


def untouched(path: Path) -> bool:
    """Whether no job of the study was begun."""
    return not ArtifactStore.open(str(path.parent / "runs")).jobs()


BAD = {
    "1.5": "above 1 only whole numbers are possible, not 1.5",
    "0.00001": "1e-05 is too small",
    "atuo": "'atuo' is no number",
    "true": "true is no number",
    "17": "17 is too large",
    "-1": "-1 is too small",
    ".nan": "finite",
}


@pytest.mark.parametrize(("gpus", "message"), BAD.items())
def test_what_no_worker_can_be_given_is_refused_where_it_stands(
    spec, gpus: str, message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(spec(gpus))
    assert caught.value.where.endswith("spec.yaml:14:18")
    assert caught.value.message.startswith("gpus: ")
    assert message in caught.value.message


def test_a_network_is_not_divided_among_workers_of_one_gpu(spec) -> None:
    with pytest.raises(SpecError, match="parallel: full divides a network among GPUs"):
        load(spec(0, "{workers: 2, gpus: 0.5, sharding: full}"))


def test_what_does_not_fit_is_refused_before_the_search(spec) -> None:
    path, local = spec(0, "{workers: 2, gpus: 1}"), ("--runner", "local")
    decoding = "resources.family={gpus: 0, decode_cpus: 1}"
    hosts = "cluster={nodes: 1, cpus: 8, gpus: 1}"
    gpus, decoders, half, probe = compound(
        ("run", path, *local),
        ("run", path, *local, "--set", decoding),
        ("run", path, "--set", "resources.family.gpus=1.5"),
        ("plan", path, "--probe", "--set", "resources.search.gpus=1", "--set", hosts),
    )
    told = "there is no GPU to probe: on this machine there is no NVIDIA driver"
    assert told in probe.refusal
    text = gpus.refusal
    assert "needs 2 CPUs (2 workers x 1) and 2 GPUs (2 workers x 1), the cluster has" in text
    assert "0 GPUs; on this machine there is no NVIDIA driver" in text
    assert "the local runner has no cluster" in decoders.refusal
    assert half.code == 2 and "above 1 only whole numbers" in half.err
    assert untouched(path)


def test_auto_says_what_it_came_to_and_why(spec) -> None:
    path = spec("auto", "{workers: 2, gpus: auto}")
    hosts = "cluster={nodes: 1, cpus: 8, gpus: 1}"
    planned, shown, turns, idle, ran = compound(
        ("plan", path, "--json"),
        ("plan", path, "--set", hosts),
        ("plan", path, "--set", hosts, "--json"),
        ("plan", path, "--set", hosts, "--set", "resources.search.gpus=2", "--json"),
        ("run", path, "--runner", "local"),
    )
    search, family = planned.plan["resources"]
    assert (search["phase"], search["gpus"], search["asked"]) == ("search", 0, "auto")
    assert family["why"] == "auto: on this machine there is no NVIDIA driver"
    assert not any("GPU" in text for text in planned.plan["warnings"])
    assert "search jobs: 1 worker x (1 CPU, 1 GPU), 1 job at a time; auto: one GPU" in shown.out
    assert (
        "family jobs: 2 workers x (1 CPU, 0.5 GPUs), 1 job at a time; auto: 2 workers on 1 GPU, so "
        "2 share one; gloo exchanges the gradients" in shown.out
    )
    told = "family: 2 workers take turns on a GPU: their times are predicted"
    assert any(text.startswith(told) for text in turns.plan["warnings"])
    told = "search: a worker trains on one GPU, so 1 GPU of its 2 would be idle"
    assert any(text.startswith(told) for text in idle.plan["warnings"])
    assert ran.code == 0, ran.err
    assert "family jobs: 2 workers x (1 CPU, no GPU)" in ran.err


def test_the_gpus_of_this_machine_are_shared_out(spec, tmp_path: Path) -> None:
    path = spec("auto", "{workers: 2, gpus: auto}")
    given = environment(tmp_path, H200, build="12.8")
    (one,) = compound(("plan", path, "--json"), env=given)
    assert [placed["gpus"] for placed in one.plan["resources"]] == [1, 0.5]
    assert one.plan["prediction"]["basis"]["hosts"]["gpus"] == 1
    assert one.plan["prediction"]["basis"]["worker_memory"] > 139 * 2**30
    mixed = environment(tmp_path, H200, "GPU-5,NVIDIA A100,80,-1", build="12.8")
    (two,) = compound(("plan", path, "--json"), env=mixed)
    assert [placed["gpus"] for placed in two.plan["resources"]] == [1, 1]
    kinds = "GPUs of 2 kinds (NVIDIA A100, NVIDIA H200)"
    assert any(kinds in text for text in two.plan["warnings"])


def test_a_gpu_whose_memory_is_not_told_trains_on_a_guess(spec, tmp_path: Path) -> None:
    given = environment(tmp_path, "GPU-1,NVIDIA H200,-4,-1", build="12.8")
    (plan,) = compound(("plan", spec("auto"), "--json"), env=given)
    assert plan.plan["resources"][0]["gpus"] == 1
    told = "the driver does not say how much memory NVIDIA H200 has: 16.0 GiB are a guess"
    assert any(text.startswith(told) for text in plan.plan["warnings"])


TWO = "cluster={nodes: 2, cpus: 4, gpus: 2}"
UNFIT = {
    "GPUs lack": (TWO, "resources.search.gpus=8", "too few GPUs", "resources.search.gpus=auto"),
    "none has a GPU": (
        "cluster={cpus: 4}",
        "resources.search.gpus=1",
        "too few GPUs: set `gpus` to 0 or auto",
        "resources.search.gpus=auto",
    ),
    "CPUs lack for all": (
        TWO,
        "resources.family={workers: 16, gpus: auto}",
        "it has 8 CPUs and 4 GPUs on 2 hosts, too few CPUs: lower `workers` or `cpus`",
        "resources.family.workers=8",
    ),
    "CPUs lack for each": (
        TWO,
        "resources.search={cpus: 6, gpus: 0}",
        "too few CPUs: lower `workers` or `cpus` under `resources`, or a larger `cluster`",
        "resources.search.cpus=4",
    ),
    "both": (
        TWO,
        "resources.search={workers: 16, gpus: 1}",
        "too few CPUs and GPUs: lower `workers` or `cpus` or `gpus`",
        "resources.search.workers=4",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_plan_that_cannot_run_names_the_edit_that_makes_it_fit(
    spec, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts, change, message, edit = UNFIT[name]
    path = spec("auto", "{workers: 2, gpus: auto}")
    planning.plan(path, [hosts, change], planning.Options())
    found = capsys.readouterr()
    assert message in found.err
    assert "0 jobs at a time" in found.out
    told = found.out.splitlines()[-1].partition("next: ")[2]
    assert told.startswith("compound plan ") and told.endswith(f" --set {edit}")
    words = shlex.split(told)[2:]
    planning.plan(Path(words[0]), words[2::2], planning.Options())
    after = capsys.readouterr()
    assert "do not fit on" not in after.err
    run = f"next: {told.replace('compound plan', 'compound run')}"
    assert after.out.splitlines()[-1] == run


def test_where_no_edit_makes_it_fit_none_is_named(spec, capsys) -> None:
    change = "resources.search={workers: 2, cpus: 1, decode_cpus: 9, gpus: 0}"
    planning.plan(spec(), ["cluster={cpus: 4}", change], planning.Options())
    found = capsys.readouterr()
    assert "lower `workers` or `cpus` or `decode_cpus` under `resources`" in found.err
    assert "next: edit `resources` or `cluster` in " in found.out


@pytest.mark.parametrize(
    ("driver", "cuda", "build", "variable", "message"),
    [
        ("570.86", 12080, "", None, "(NVIDIA H200), but torch 2.13.0+cpu is a build without CUDA"),
        ("470.57", 11040, "12.8", None, "NVIDIA driver 470.57 is too old: it runs CUDA up to 11.4"),
        ("570.86", 12080, "12.8", "-1", "CUDA_VISIBLE_DEVICES is '-1', which names 0 of 1 GPU"),
    ],
)
def test_gpus_that_cannot_be_used_are_told_of(
    spec, tmp_path: Path, driver: str, cuda: int, build: str, variable: str | None, message: str
) -> None:
    given = environment(tmp_path, H200, driver=driver, cuda=cuda, build=build)
    given |= {} if variable is None else {"CUDA_VISIBLE_DEVICES": variable}
    path, gpu = spec("auto"), ("--set", "resources.search.gpus=1")
    auto, planned, ran = compound(
        ("plan", path, "--json"),
        ("plan", path, "--json", *gpu),
        ("run", path, "--runner", "local", *gpu),
        env=given,
    )
    assert auto.plan["resources"][0]["gpus"] == 0
    told = [text for text in auto.plan["warnings"] if message in text]
    assert told and told[0].endswith("`compound doctor` says what to do")
    assert message in planned.refusal
    assert message in ran.refusal
    assert untouched(path)


FAKE = """
import ray, sys
ray.init(
    address="local", num_cpus=1, num_gpus=1, include_dashboard=False, log_to_driver=False,
    object_store_memory=80 * 2**20, _temp_dir=sys.argv[1],
)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


@pytest.mark.ray
def test_gpus_that_ray_counts_and_torch_cannot_use_are_refused_before_the_search(spec) -> None:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    given = {**plain, "RAY_AUTH_MODE": "disabled"}
    folder = tempfile.mkdtemp(prefix="gpu-", dir="/tmp")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": given}
    ray = subprocess.Popen([sys.executable, "-c", FAKE, folder], **pipes)
    try:
        address = ray.stdout.readline().strip()
        path = spec(0, "{gpus: auto}")
        auto, many = compound(
            ("run", path, "--address", address),
            ("run", path, "--address", address, "--set", "resources.family.gpus=2"),
            env=given,
        )
        assert "Ray counts GPUs that torch cannot use: on " in auto.refusal
        assert "there is no NVIDIA driver" in auto.refusal
        assert "needs 1 CPU and 2 GPUs, the cluster has 1 CPU and 1 GPU" in many.refusal
        assert "`gpus: auto`" in many.refusal
        assert untouched(path)
    finally:
        ray.communicate()
        shutil.rmtree(folder, ignore_errors=True)
