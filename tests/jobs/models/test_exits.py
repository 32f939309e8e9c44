"""Networks whose code would end the program: their job fails, and the process goes on."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.models.scaled import Networks
from compound.jobs.run_job import Process, run
from compound.jobs.runtime.process_exit import end_now, exits_raised
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import FactoryError
from compound.schemas.job import JobResult
from compound.schemas.retries import RetryLimits
from tests.support.failing_networks import hungry_request
from tests.support.small_jobs import DATA


def ended(folder: Path, store: str, fails: str) -> JobResult:
    """Run a job to its end whose network runs a statement at its first images of training."""
    request = hungry_request(folder, folder.name, 0, fails=fails)
    rows = run(
        request.job, ArtifactStore.open(store), Process.single(imports=(str(folder),)), DataCache()
    )
    with pytest.raises(StopIteration) as end:
        while True:
            next(rows)
    result: JobResult = end.value.value
    assert ArtifactStore.open(store).result(request.job.id) == result
    return result


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
        ("raise SystemExit", "SystemExit"),
        ("os._exit(0)", "SystemExit: 0"),
        ("import posix; posix._exit(0)", "SystemExit: 0"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise StopIteration", "StopIteration"),
    ],
)
def test_code_that_would_end_the_program_fails_its_job(tmp_path, store, fails, words):
    result = ended(tmp_path, store, fails)
    assert result.status == "failed"
    assert result.cause.kind == "error"
    assert words in result.cause.message
    assert "in forward" in result.cause.traceback


def test_the_message_names_the_line(tmp_path, store):
    message = ended(tmp_path, store, "import sys; sys.exit(3)").cause.message
    assert "the network's own code ended the program" in message
    assert ".py:13, in forward: import sys; sys.exit(3)" in message


def test_an_interrupt_stays_one(tmp_path, store):
    request = hungry_request(tmp_path, "interrupted", 0, fails="raise KeyboardInterrupt")
    process = Process.single(imports=(str(tmp_path),))
    with pytest.raises(KeyboardInterrupt):
        next(run(request.job, ArtifactStore.open(store), process, DataCache()))


def test_a_runner_of_this_process_lives_on(tmp_path, store):
    request = hungry_request(tmp_path, "exits_here", 0, fails="os._exit(0)")
    (result,) = LocalRunner((str(tmp_path),)).run([request], store, lambda event: None)
    assert (result.status, result.cause.kind) == ("failed", "error")
    assert ".py:13, in forward: os._exit(0)" in result.cause.message


def test_a_child_that_says_nothing_is_judged_by_the_store(tmp_path, store):
    """The exit code of a process is 0 whose C library ends it."""
    fails = "import ctypes; ctypes.CDLL(None)._exit(0)"
    request = hungry_request(tmp_path, "exits_there", 0, workers=2, fails=fails)
    runner = LocalRunner((str(tmp_path),), limits=RetryLimits(lost_worker=0))
    (result,) = runner.run([request], store, lambda event: None)
    assert (result.status, result.cause.kind) == ("failed", "worker lost")
    assert ArtifactStore.open(store).result(request.job.id) == result


def test_an_exit_while_the_test_part_is_read_is_told(tmp_path, store):
    module, data = tmp_path / "exits_late.py", DATA.model_copy(update={"test_images": 8})
    request = hungry_request(tmp_path, "exits_late", 1000, data=data)
    runner = LocalRunner((str(tmp_path),))
    assert runner.run([request], store, lambda event: None)[0].status == "done"
    text = module.read_text().replace("trains = self", "x.is_meta or os._exit(0); trains = self")
    module.write_text(text)
    del sys.modules["exits_late"]
    content = DataCache().test_content(request.job.data)
    evaluation = request.model_copy(update={"evaluates": content})
    (result,) = runner.run([evaluation], store, lambda event: None)
    assert result.status == "failed"
    assert "the network's own code ended the program: SystemExit: 0" in result.cause.message


@pytest.mark.parametrize("where", ["", "def build(**arguments):\n    "])
def test_a_plan_is_refused(tmp_path, where):
    name = f"exits_in_plan_{len(where)}"
    (tmp_path / f"{name}.py").write_text(f"import os\n{where}os._exit(0)\n")
    with pytest.raises(FactoryError, match="SystemExit: 0") as caught:
        Networks((str(tmp_path),)).own(f"{name}:build", 8, classes=4, channels=3)
    assert caught.value.message.endswith("os._exit(0)")
    assert os._exit is end_now


def code_of(child: Callable[[], object]) -> int:
    """Run a function in a forked process; return the exit code, 99 where it returns or raises."""
    number = os.fork()
    if number == 0:
        try:
            child()
        finally:
            end_now(99)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def exit_in_a_thread(status: int) -> None:
    with exits_raised():
        thread = threading.Thread(target=os._exit, args=(status,))
        thread.start()
        thread.join()


def test_forked_processes_end_as_they_ask_and_threads_never_with_0():
    with exits_raised():
        assert [code_of(lambda code=code: os._exit(code)) for code in (0, 7)] == [0, 7]
    assert [code_of(lambda code=code: exit_in_a_thread(code)) for code in (0, 7)] == [1, 7]
