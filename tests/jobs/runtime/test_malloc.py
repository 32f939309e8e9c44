"""Freed memory is kept between steps: counted in page faults, in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

from compound.jobs.runtime.malloc import environment

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is of glibc's malloc")

ROUNDS, BYTES = 50, 20 * 2**20
PAGES = BYTES // 4096
WORK = f"""
import ctypes, resource, sys, threading
from compound.jobs.runtime.malloc import keep_freed, return_freed

C = ctypes.CDLL(None)
C.malloc.restype = ctypes.c_void_p

def work():
    for _ in range({ROUNDS}):
        block = ctypes.c_void_p(C.malloc(ctypes.c_size_t({BYTES})))
        C.memset(block, 1, ctypes.c_size_t({BYTES}))
        C.free(block)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for name in sys.argv[2:]:
    globals()[name]()
before = faults()
if sys.argv[1] == "thread":
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
print(faults() - before)
"""


def faults(*arguments: str, variables: dict[str, str] | None = None) -> int:
    """Return the page faults of so many rounds of filling fresh memory."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", WORK, *arguments],
        env={**plain, **(variables or {})},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    assert faults("main", "return_freed") > ROUNDS * PAGES * 0.9
    assert faults("main", "keep_freed") < 3 * PAGES
    assert faults("thread", variables=environment({})) < 3 * PAGES
    assert faults("main", "keep_freed", "return_freed") > ROUNDS * PAGES * 0.9


def test_variables_that_are_set_stay() -> None:
    assert environment({"MALLOC_ARENA_MAX": "4", "HOME": "/"})["MALLOC_ARENA_MAX"] == "4"
    assert "HOME" not in environment({"HOME": "/"})
    variables = {"MALLOC_MMAP_THRESHOLD_": "65536"}
    assert faults("main", "keep_freed", variables=variables) > ROUNDS * PAGES * 0.9
