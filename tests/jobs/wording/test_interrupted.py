"""Signals end a command with a sentence and 130, whenever they come."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SENTENCE = "compound: interrupted; type the same command again to resume\n"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What starts the tests in the background of a script ignores SIGINT, and so would the child.
AS_TYPED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
RUN = "from compound.orchestrator.__main__ import main; main(None)"


def ended(number: signal.Signals, when: str, folder: Path, *words: str) -> tuple[int, str]:
    """Run a command that sends itself a signal when a module is imported, or at a name."""
    code = f"""
{AS_TYPED}
import os, sys
class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == {when!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Sender())
sys.argv[1:] = {list(words)!r}
{RUN}
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=120
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "when",
    [
        "compound.orchestrator.command_line",
        "compound.jobs.regular_file",
        "typer",
        "compound.orchestrator.cli.app",
        "pydantic",
        "pyarrow",
        "compound.orchestrator.cli.study.status",
    ],
)
def test_a_signal_during_an_import_is_a_sentence(
    number: signal.Signals, when: str, tmp_path: Path
) -> None:
    assert ended(number, when, tmp_path, "status", "x", "--store", "x") == (130, SENTENCE)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_that_a_callback_swallows_still_ends_the_command(
    number: signal.Signals, tmp_path: Path
) -> None:
    code = f"""
{AS_TYPED}
import os
from compound.jobs.wording.interrupted import ending_by_signals, raise_on_signals
class Callback:
    def __del__(self):
        os.kill(os.getpid(), {int(number)})
with ending_by_signals(for_good=True):
    raise_on_signals()
    Callback()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (130, SENTENCE)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_that_a_package_swallows_ends_a_run_before_its_first_job(
    number: signal.Signals, tmp_path: Path
) -> None:
    code = f"""
{AS_TYPED}
import os, sys
from contextlib import suppress
from compound.jobs.data import source
read = source.inspect
def inspect(*words, **options):
    with suppress(BaseException):
        os.kill(os.getpid(), {int(number)})
        os.getpid()
    return read(*words, **options)
source.inspect = inspect
spec = {str(Path("examples/digits.yaml").absolute())!r}
sys.argv[1:] = ["run", spec, "--runner", "local", "--set", "store={tmp_path}/runs"]
{RUN}
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 130 and ran.stderr.endswith(SENTENCE)
    assert not (tmp_path / "runs" / "jobs").exists()


def test_what_is_ignored_stays_ignored() -> None:
    """As `nohup` and the `&` of a script ask for."""
    code = """
import os, signal
from compound.jobs.wording.interrupted import ending_by_signals, raise_on_signals
signal.signal(signal.SIGINT, signal.SIG_IGN)
with ending_by_signals(for_good=True):
    os.kill(os.getpid(), signal.SIGINT)
    raise_on_signals()
    os.kill(os.getpid(), signal.SIGINT)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_call_in_this_process_leaves_its_handlers() -> None:
    from compound.orchestrator.__main__ import main

    before = [signal.getsignal(number) for number in SIGNALS], sys.unraisablehook
    with pytest.raises(SystemExit):
        main(["count", "efficientnet-b0"])
    assert ([signal.getsignal(number) for number in SIGNALS], sys.unraisablehook) == before
