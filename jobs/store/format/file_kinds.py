"""The kind of a stored file, by its key alone. A file without a kind is not the store's."""

import re
from typing import Literal

from compound.jobs.store.backend.files import temporary_of
from compound.jobs.store.format.begun_study import BEGUN
from compound.jobs.store.format.manifest import Attempt
from compound.schemas.study import NAME_PATTERN

Kind = Literal[
    "marker",
    "device",
    "trace",
    "job",
    "claim",
    "stream",
    "rows",
    "manifest",
    "checkpoint",
    "predictions",
    "document",
    "text",
    "events",
    "lease",
    "reservation",
    "begun",
    "index",
    "sign",
    "probe",
    "temporary",
]

JOB_ID = re.compile(r"[0-9a-f]{16}")
STUDY_NAME = re.compile(NAME_PATTERN[1:-1])
DOCUMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}(\.[a-z0-9]{1,8}){1,2}")
ATTEMPT = re.compile(r"attempt-(\d{4,9})(?:-([0-9a-f]{8}))?")
MANIFEST = re.compile(r"manifest-(\d{6,})\.json")

INDEX = re.compile(r"jobs-([0-9a-f]{16})\.parquet")
ROSTER = re.compile(r"planned-([0-9a-f]{16})\.parquet")

TEST_PREDICTIONS = re.compile(r"test-([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{16})\.parquet")
"""Its groups: the hashes of the test part, of the weights and of the content."""

LEASE, EVENTS, CONTENTS = "lease.json", "events.jsonl", "contents.json"
DRIVERS = "drivers"
"""The folder with what the driver of each running study trains; see folders/reservations.py."""

_NONCE = r"-[0-9a-f]{8}"
_IN_ATTEMPT: tuple[tuple[Kind, str], ...] = (
    ("claim", r"claim\.json"),
    ("stream", r"live\.arrows"),
    ("sign", r"live\.arrows\.pulse"),
    ("rows", rf"rows-\d{{4,}}-\d{{4,}}{_NONCE}\.parquet"),
    ("manifest", MANIFEST.pattern),
    ("predictions", rf"predictions{_NONCE}\.parquet"),
    (
        "checkpoint",
        rf"epoch-\d{{4,}}(-step-\d{{6,}})?({_NONCE}|-shards)/[a-z0-9_-]+\.(safetensors|pt|json)",
    ),
)
_ELSEWHERE: tuple[tuple[Kind, str], ...] = (
    ("marker", r"store\.json"),
    ("device", r"devices/[a-z0-9-]+\.json"),
    ("trace", r"profiles/[0-9a-f]{16}(-[0-9a-f]{16})?\.json\.gz"),
    ("job", r"jobs/[0-9a-f]{16}/job\.json"),
    ("predictions", rf"jobs/[0-9a-f]{{16}}/{TEST_PREDICTIONS.pattern}"),
    ("probe", r"probe-[0-9a-f]{8}"),
    ("lease", rf"studies/{STUDY_NAME.pattern}/{re.escape(LEASE)}"),
    ("sign", rf"studies/{STUDY_NAME.pattern}/{re.escape(LEASE)}\.[0-9a-f]{{8}}"),
    ("reservation", rf"{DRIVERS}/{STUDY_NAME.pattern}\.json"),
    ("begun", rf"{BEGUN}/{STUDY_NAME.pattern}\.json"),
    ("events", rf"studies/{STUDY_NAME.pattern}/{re.escape(EVENTS)}"),
    ("events", rf"studies/{STUDY_NAME.pattern}/events\.\d{{6,9}}-[0-9a-f]{{8}}\.jsonl"),
    ("index", rf"studies/{STUDY_NAME.pattern}/{INDEX.pattern}"),
    ("index", rf"studies/{STUDY_NAME.pattern}/{ROSTER.pattern}"),
    ("document", rf"studies/{STUDY_NAME.pattern}/(?=[^/]*\.json$){DOCUMENT.pattern}"),
    ("text", rf"studies/{STUDY_NAME.pattern}/{DOCUMENT.pattern}"),
)
_ATTEMPT_TOP = rf"jobs/{JOB_ID.pattern}/{ATTEMPT.pattern}/"
_KINDS = [(kind, re.compile(pattern)) for kind, pattern in _ELSEWHERE]
_KINDS += [(kind, re.compile(_ATTEMPT_TOP + pattern)) for kind, pattern in _IN_ATTEMPT]
"""In order: the first that fits a key is its kind."""


def kind_of(key: str) -> Kind | None:
    """Return a file's kind; None for a name that the store never gives."""
    target = temporary_of(key)
    if target:
        return "temporary" if kind_of(target) else None
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(key)), None)


def attempt_of(name: str) -> Attempt | None:
    """Return the attempt of a folder's name."""
    match = ATTEMPT.fullmatch(name)
    return Attempt(int(match[1]), match[2] or "") if match else None


SHARD = re.compile(r"shard-(\d{5})-of-(\d{5})\.safetensors")


def shard_name(rank: int, ranks: int) -> str:
    """Return the name of a rank's file in a checkpoint's folder; people count from 1."""
    return f"shard-{rank + 1:05d}-of-{ranks:05d}.safetensors"
