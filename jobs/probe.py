"""x"""

from jobs.device import Kind, guess
from schemas.device import DeviceProfile


def probe(kind: Kind, threads: int, limit: float = 60) -> DeviceProfile:
    return guess(kind, threads)
