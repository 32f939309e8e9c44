"""Short family jobs whose processes are killed at random: do all end, with every epoch once?

python -m benchmarks.kills [--kills 50] [--seed 0] [--folder DIR]

tests/support/random_kills.py says who is killed when, and what must hold afterwards.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import ray

from compound.cluster.ray_session import connect
from tests.support.random_kills import kill_at_random


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="compound-kills-"))
    with connect(cpus=2):
        address = ray.get_runtime_context().gcs_address
        outcome = kill_at_random(folder, options.kills, options.seed, address)
    print(json.dumps(vars(outcome), indent=1))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
