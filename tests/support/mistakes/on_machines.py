"""Mistakes of the machine, the cluster and the bucket, each as a line of the shell in a process of
its own. COMPOUND is the command; `further` is what the next step says, as a line too."""

from typing import NamedTuple

from tests.support.mistakes.mistake import Mistake


class Line(NamedTuple):
    """A mistake, the line that makes it, and the one that follows what is printed."""

    mistake: Mistake
    line: str
    further: str


NO_KEYS = (
    "env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_PROFILE -u AWS_ENDPOINT_URL "
    "HOME=/nowhere AWS_EC2_METADATA_DISABLED=true"
)
KEYS = "AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_ENDPOINT_URL=http://127.0.0.1:1"
BUCKET = "COMPOUND validate spec.yaml --set store=s3://my-bucket/runs"


def of_machine(title: str, line: str, said: tuple[str, str, str], further: str) -> Line:
    """Return a line with what has to be said: place, cause, and what is allowed or to be done."""
    return Line(Mistake(title, "", "", *said), line, further)


LINES = [
    of_machine(
        "a bucket without keys",
        f"{NO_KEYS} {BUCKET}",
        ("store=s3://my-bucket/runs", "no keys are set", "AWS_ACCESS_KEY_ID"),
        f"{NO_KEYS} {KEYS} {BUCKET}",
    ),
    of_machine(
        "a bucket at an address where nothing answers",
        f"{NO_KEYS} {KEYS} {BUCKET}",
        ("store=s3://my-bucket/runs", "nothing answers there", "AWS_ENDPOINT_URL"),
        f"{NO_KEYS} {BUCKET}",
    ),
    of_machine(
        "a Ray that is not there",
        "COMPOUND run spec.yaml --address 127.0.0.1:1",
        ("127.0.0.1:1", "nothing listens at this address", "the address of a running Ray"),
        "COMPOUND run spec.yaml --set budget.epochs=1",
    ),
    of_machine(
        "a job server that is not there",
        "COMPOUND submit spec.yaml --address http://127.0.0.1:1",
        ("http://127.0.0.1:1", "Failed to connect to Ray", "check the address"),
        "COMPOUND validate spec.yaml",
    ),
    of_machine(
        "a full disk under the output",
        "COMPOUND models > /dev/full",
        ("stdout", "no space is left on the disk", "free space there"),
        "COMPOUND models",
    ),
    of_machine(
        "a folder that is gone",
        "mkdir gone && cd gone && rmdir ../gone && COMPOUND validate ../spec.yaml",
        ("the folder", "has been deleted", "cd to a folder that is there"),
        "COMPOUND validate spec.yaml",
    ),
]
