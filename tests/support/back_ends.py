"""Where the tests' stores lie, and how much the long tests do."""

import os

import pytest

LONG = bool(os.environ.get("COMPOUND_LONG"))
"""Whether the full numbers are asked for: `make test-store` and `make test-s3`, which take long."""

BACK_ENDS = ["local", *(pytest.param(n, marks=pytest.mark.s3) for n in ("s3rver", "moto", "swift"))]
"""All places that a store may lie in: the promises of `Files` are tested on each."""

SOME = BACK_ENDS if LONG else BACK_ENDS[:2]
"""The places for what is built upon these promises: on disk, and the quickest of the buckets."""

MANY_TIMES = BACK_ENDS if LONG else BACK_ENDS[:1]
"""The places for tests of many rounds, which take minutes in a bucket."""
