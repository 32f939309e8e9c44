"""The cause of a worker that could not even import its code, out of Ray's text about its exit."""

from compound.cluster.trials.worker_deaths import error_in

TEXT = (
    'Worker exits with an exit code None. Traceback (most recent call last):\\n  File "w.py"\\n'
    "RuntimeError: The actor failed to import on the worker.\\n\\n    import torch\\n"
    "ModuleNotFoundError: No module named 'torch'\\n\\nAn unexpected internal error occurred."
)


def test_the_last_error_is_found() -> None:
    assert error_in(TEXT) == "ModuleNotFoundError: No module named 'torch'"
    assert error_in("") == error_in("Worker exits by SIGKILL.") == ""
