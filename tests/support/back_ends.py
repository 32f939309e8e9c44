"""Which back ends the tests of the store run on, and how much the long tests do.

A commit runs on disk and on one S3 server. `COMPOUND_LONG=1`, which `make test-all` sets, adds the
other two servers and the full numbers.
"""

import os
from collections.abc import Sequence
from typing import Any

import pytest

LONG = bool(os.environ.get("COMPOUND_LONG"))
"""Whether the full numbers run, on all back ends."""

S3_SERVERS = ("moto", "s3rver", "swift") if LONG else ("moto",)
"""moto needs no installation of its own: it is a Python package among ours."""

BACK_ENDS = ["local", *(pytest.param(name, marks=pytest.mark.s3) for name in S3_SERVERS)]
"""The back ends for the promises of `Files`, and for what is built upon them."""

MANY_TIMES = BACK_ENDS if LONG else BACK_ENDS[:1]
"""The back ends for tests of many rounds, which take minutes in a bucket."""


def examples(*, commit: int, full: int) -> int:
    """Return how many examples hypothesis draws."""
    return full if LONG else commit


def sizes(names: str | Sequence[str], *, commit: Any, full: Any) -> pytest.MarkDecorator:
    """Parametrise a test by its size: a small one, and a full one that needs COMPOUND_LONG."""
    values = full if isinstance(full, tuple) else (full,)
    full_size = [pytest.param(*values, marks=pytest.mark.slow)] if LONG else []
    return pytest.mark.parametrize(names, [commit, *full_size])
