"""The version of the store's format: of its records, rows and checkpoints."""

from compound.schemas.errors import StoreError

SCHEMA_VERSION = 3
"""The version of everything in the store that this program writes; it reads all up to it.

2: the names of attempts' folders end with a nonce, see manifest.Attempt.
3: a manifest may name a file with the predicted class of every validation image.
"""


def refuse_newer(version: int, where: str) -> None:
    """Raise StoreError if a record's schema is newer than this program's."""
    if version > SCHEMA_VERSION:
        problem = f"written with store schema {version}; this program reads up to {SCHEMA_VERSION}"
        raise StoreError(problem, where=where, next_step="update compound, or use another store")
