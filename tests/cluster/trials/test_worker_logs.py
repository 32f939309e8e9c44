"""The cause of a worker that could not even import its code, from its log."""

import os
from pathlib import Path

from compound.cluster.trials.worker_logs import error_in

TEXT = """\
:job_id:01000000
Traceback (most recent call last):
  File "worker.py", line 1, in <module>
    import numpy
ModuleNotFoundError: No module named 'numpy'
An unexpected internal error occurred while the worker was executing a task.
"""


def test_the_newest_error_is_found(tmp_path: Path) -> None:
    assert error_in(tmp_path) == error_in(tmp_path / "none") == ""
    for age, text in enumerate(("ImportError: older", TEXT, ":job_id:01000000")):
        file = tmp_path / f"worker-{age}-01000000-1.err"
        file.write_text(text)
        os.utime(file, (age, age))
    words = error_in(tmp_path)
    assert words.startswith("ModuleNotFoundError: No module named 'numpy' (from ")
    assert "worker-1-" in words
