"""The keys of records that belong to no job and no study, and what reads them."""

import re

from compound.jobs.store.backend.files import Entry, Files
from compound.jobs.store.format.checksummed_json import hashed_key, sha256, unseal
from compound.jobs.store.format.file_kinds import kind_of
from compound.schemas.machine.device import DeviceProfile

DEVICES, PROFILES = "devices", "profiles"


def profile_key(device: str) -> str:
    """Return a readable key with a hash, so that no two devices share one."""
    readable = re.sub(r"[^a-z0-9]+", "-", device.lower())[:60].strip("-")
    return f"{DEVICES}/{readable or 'device'}-{sha256(device.encode())[:8]}.json"


def read_profile(files: Files, key: str) -> DeviceProfile | None:
    """Return the measurements of a device; None where there are none."""
    data = files.read(key)
    return None if data is None else unseal(data, DeviceProfile, files.locate(key), key)


def read_profiles(files: Files) -> list[DeviceProfile]:
    """Return the measurements of all devices, by their keys."""
    keys = (f"{DEVICES}/{name}" for name in files.names(DEVICES) if name.endswith(".json"))
    profiles = (read_profile(files, key) for key in keys)
    return [profile for profile in profiles if profile is not None]


def trace_key(job_id: str, trace: bytes) -> str:
    """Return a name with a hash of the content: gzip's checksum does not cover its header."""
    return hashed_key(f"{PROFILES}/{job_id}", trace, "json.gz")


def keep_trace(files: Files, job_id: str, trace: bytes) -> None:
    """Store a job's profile in place of an earlier one."""
    key, before = trace_key(job_id, trace), _traces(files, job_id)
    files.put({key: trace})
    files.delete({entry.key for entry in before} - {key})


def newest_trace(files: Files, job_id: str) -> str | None:
    """Return the key of a job's newest profile; None if it has none."""
    newest = min(_traces(files, job_id), key=lambda entry: entry.age, default=None)
    return newest.key if newest else None


def _traces(files: Files, job_id: str) -> list[Entry]:
    traces = (entry for entry in files.entries(PROFILES) if kind_of(entry.key) == "trace")
    prefix = f"{PROFILES}/{job_id}"
    return [trace for trace in traces if trace.key.startswith(prefix) and not trace.strange]
