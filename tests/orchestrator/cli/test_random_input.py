"""Random specs and random folders of data, as typed: exit codes 0, 1 and 2, and always a sentence.

With COMPOUND_LONG=1 a hundred times as many.
"""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.cli.app import app
from tests.support.command import compound
from tests.support.random_folders import random_folder
from tests.support.random_specs import random_text

SHARE = 100 if os.environ.get("COMPOUND_LONG") else 1
SEEDS = st.integers(0, 2**40)
CALLBACKS = (command.callback for command in app.registered_commands)
COMMANDS = {callback.__name__ for callback in CALLBACKS if callback} & {"data", "plan"}
SPEC = """\
kind: train
name: random
store: {store}
data: {{source: image_folder, path: '{path}', size: 8, max_bad: 0.9}}
baseline: {{resolution: 8, stem: {{channels: 4}}, stages: [{{channels: 4}}], head: 8}}
train: {{epochs: 1, batch: 2}}
"""


def check(*words: str) -> None:
    """Run a command. It ends with a code for a shell, and no error is one of Compound's own."""
    ran = compound(*words)
    assert ran.returncode in (0, 1, 2), ran
    for text in (ran.stdout, ran.stderr):
        assert "internal error" not in text and "Traceback" not in text, text
        assert "\x1b" not in text and "\u202e" not in text, text
    assert ran.returncode == 0 or ran.stderr


@settings(max_examples=15 * SHARE, deadline=None)
@given(SEEDS)
def test_random_specs(tmp_path_factory, seed: int) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "spec.yaml"
    path.write_bytes(random_text(seed))
    check("validate", str(path))
    check("validate", str(path), "--json", "--set", "train.epochs=2")


@settings(max_examples=8 * SHARE, deadline=None)
@given(SEEDS)
def test_random_folders(tmp_path_factory, seed: int) -> None:
    root: Path = tmp_path_factory.mktemp("random")
    path = root / "spec.yaml"
    path.write_text(SPEC.format(store=root / "runs", path=random_folder(root, seed)))
    for command in COMMANDS:
        check(command, str(path))
        check(command, str(path), "--json")
