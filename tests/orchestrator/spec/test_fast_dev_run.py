"""`compound run --fast-dev-run`: everything once, with two batches, and nothing kept."""

import json
import re
from pathlib import Path

import pytest

from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.spec.load import load
from compound.schemas.study import StudySpec
from tests.support.command import compound
from tests.support.small_study import SPEC
from tests.support.user_networks import NET, write

EXAMPLES = Path(__file__).parents[3] / "examples"
LOCAL = ("--runner", "local", "--fast-dev-run")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=8) + "gate: stop\n")
    return path


def test_the_whole_way_is_gone_and_nothing_is_left(spec: Path, tmp_path: Path) -> None:
    ran = compound("run", str(spec), *LOCAL, "--set", "data.test_images=50")
    assert ran.returncode == 0, ran.stderr
    assert "that were used for no decision" not in ran.stderr, "a rehearsal reads no test part"
    assert "jobs trained 2 batches each, and the report was drawn; nothing is kept" in ran.stdout
    again = f"compound run {spec} --set data.test_images=50 --runner local"
    assert ran.stdout.endswith(f"next: {again}\n")
    for phase in ("search: ", "gate: ", "family: "):
        assert phase in ran.stderr
    assert not (tmp_path / "runs" / "studies").exists()
    assert not (tmp_path / "runs" / "rehearsal").exists()
    told = json.loads(compound("run", str(spec), *LOCAL, "--json").stdout)
    assert (told["study"], told["status"]) == ("small", "done") and told["jobs"] > 4


FLAW = """
class Flawed(nn.Flatten):
    def forward(self, x):
        if self.training and len(x) == 32:
            raise KeyError("my key")
        return super().forward(x)
"""


def test_what_fails_is_said(tmp_path: Path) -> None:
    text = NET.replace("\n\ndef build", f"\n{FLAW}\n\ndef build").replace(
        "nn.Flatten()]", "Flawed()]"
    )
    path = write(tmp_path, text)
    ran = compound("run", path.name, *LOCAL, "--allow-import", cwd=tmp_path)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    failed, line = ran.stderr.partition("failed: ")[2].splitlines()[:2]
    assert re.fullmatch(r"(\d+) of \1 jobs: error: KeyError: 'my key'", failed), failed
    place = rf"  at {tmp_path}/own_study_\d+\.py:\d+, in forward: raise KeyError\(.my key.\)"
    assert re.fullmatch(place, line), line
    assert "Traceback" not in ran.stderr


def test_a_plan_is_not_rehearsed(tmp_path: Path) -> None:
    ran = compound("run", "--plan", str(tmp_path / "plan.json"), "--fast-dev-run")
    assert ran.returncode == 2 and "needs a spec" in ran.stderr


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_rehearsal_is_short_whatever_the_spec(path: Path) -> None:
    spec = load(path).spec
    short = KINDS[spec.kind].rehearsal(spec)
    assert short.train.epochs == 1 and short.store != spec.store
    assert short.data.limit == 2 * max(
        spec.train.batch, spec.search.train.batch if isinstance(spec, StudySpec) else 0
    )
    assert type(spec).model_validate(short.model_dump()) == short
