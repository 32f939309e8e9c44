"""What a shell gets after Tab, by the protocol that its script speaks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stored_studies import PUBLISHED, ROOT, published


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return published(tmp_path_factory.mktemp("completed"))


def completed(*words: str, cwd: Path = ROOT) -> list[str]:
    """Return what bash offers for the last of some words."""
    typed = {"COMP_WORDS": " ".join(("compound", *words)), "COMP_CWORD": str(len(words))}
    environment = {**os.environ, **typed, "_COMPOUND_COMPLETE": "complete_bash"}
    program = [sys.executable, "-c", "from compound.orchestrator.__main__ import main; main()"]
    done = subprocess.run(program, env=environment, cwd=cwd, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_studies_of_the_named_store_and_of_the_default_one(store: str, tmp_path: Path) -> None:
    assert completed("status", "--store", store, "cif") == [PUBLISHED]
    assert completed("status", "cif", cwd=tmp_path) == []
    (tmp_path / "runs").symlink_to(store)
    assert completed("advise", "cif", cwd=tmp_path) == [PUBLISHED]


def test_specs_networks_and_commands(store: str) -> None:
    assert completed("plan", "examples/quick") == ["examples/quickstart.yaml"]
    assert completed("run", "exam") == ["examples/"]
    assert completed("count", "mobilenet-v") == ["mobilenet-v1", "mobilenet-v2"]
    assert completed("sta") == ["status"]
    words = ("export", PUBLISHED, "--store", store, "--network", "d1.50")
    assert completed(*words) == ["d1.50-w1.00-r18"]


def test_nothing_is_offered_and_nothing_fails_without_a_store(tmp_path: Path) -> None:
    assert completed("status", "x", cwd=tmp_path) == []
    assert completed("export", "x", "--network", "d", cwd=tmp_path) == []
