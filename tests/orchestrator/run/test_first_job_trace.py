"""`compound run --profile`: a Chrome trace of a few steps, and the wait for data."""

import gzip
import json
from pathlib import Path

from tests.support.command import compound
from tests.support.small_study import SPEC


def test_the_first_job_of_every_phase_is_traced(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    sets = ("--set", "train.batch=16", "--set", "data.limit=160")
    ran = compound("run", str(path), "--runner", "local", "--profile", *sets)
    assert ran.returncode == 0, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.startswith("profile of ")]
    assert lines and all("waited for data for" in line for line in lines)
    traces = list((tmp_path / "runs" / "profiles").iterdir())
    assert len(traces) == len(lines) and all(str(tmp_path / "runs") in line for line in lines)
    for trace in traces:
        names = {
            event["name"]
            for event in json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
            if "name" in event
        }
        assert "aten::convolution" in names and "aten::native_batch_norm" in names


def test_epochs_that_are_too_short_are_said(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    sets = ("--set", "data.limit=32", "--set", "family.phi=[]")
    ran = compound("run", str(path), "--runner", "local", "--profile", *sets)
    assert ran.returncode == 0, ran.stderr
    assert "no profile of " in ran.stderr
