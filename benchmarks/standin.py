"""What jobs mix, wait for and launch on a stand-in device, by configuration.

    python -m benchmarks.standin [NAME ...]

Columns: tensors of both devices mixed; how often the host was held up a step of training, and an
epoch of evaluation; operations of an optimiser step. With names only these configurations, and
every wait by its line. No GPU is needed, and none is measured: see tests/support/standin_device.py.
"""

import sys
import tempfile
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parent.parent))
from compound.jobs.store.artifacts import ArtifactStore
from tests.support.standin_runs import Run, configurations, trained

HEAD = "| configuration | mixed | blocking a step | blocking an evaluation | operations a step |"


def row(name: str, run: Run) -> str:
    """Return a line of the table."""
    if run.result.cause:
        return f"| {name} | {run.result.cause.message} |"
    tally = run.tally
    within = tally.waits_in("training") / run.rows[-1].step
    evaluation_waits = tally.waits_in("evaluation") / len(run.rows)
    mixed = sum(tally.mixed.values())
    return f"| {name} | {mixed} | {within:.1f} | {evaluation_waits:.1f} | {run.operations} |"


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{HEAD}\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore.open(f"{folder}/store")
        for name, job in configurations(Path(folder)):
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            run = trained(job, store)
            print(row(name, run), flush=True)
            for (kind, spot), count in run.tally.waits.most_common() if sys.argv[1:] else ():
                print("  ", count, kind, *spot)


if __name__ == "__main__":
    main()
