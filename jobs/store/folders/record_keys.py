"""The keys of records that belong to no job and no study."""

import re

from compound.jobs.store.format.checksummed_json import hashed_key, sha256

DEVICES, PROFILES = "devices", "profiles"


def profile_key(device: str) -> str:
    """Return a readable key with a hash, so that no two devices share one."""
    readable = re.sub(r"[^a-z0-9]+", "-", device.lower())[:60].strip("-")
    return f"{DEVICES}/{readable or 'device'}-{sha256(device.encode())[:8]}.json"


def trace_key(job_id: str, trace: bytes) -> str:
    """Return a name with a hash of the content: gzip's checksum does not cover its header."""
    return hashed_key(f"{PROFILES}/{job_id}", trace, "json.gz")
