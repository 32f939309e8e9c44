"""The version of the store's format: of its records, rows and checkpoints."""

from compound.schemas.errors import NewerSchemaError

SCHEMA_VERSION = 4
"""The version of everything in the store that this program writes; it reads all up to it.

2: the names of attempts' folders end with a nonce, see manifest.Attempt.
3: a manifest may name a file with the predicted class of every validation image.
4: every record says for which key it was written, see checksummed_json; names that hold a hash
of the content, and checksums of events, cover the place too; a study lists its files.
"""

KEYED_SINCE = 4
"""Records of this and later schemas say for which key they were written, and studies that have any
list their files."""

MARKER = "store.json"
"""The record that makes a folder a store. It says no key, as in schema 1: programs of any age read
its version, and refuse the store where that is newer."""


def refuse_newer(version: int, where: str) -> None:
    """Raise NewerSchemaError if a record's schema is newer than this program's."""
    if version > SCHEMA_VERSION:
        problem = f"written with store schema {version}; this program reads up to {SCHEMA_VERSION}"
        raise NewerSchemaError(
            problem, where=where, next_step="update compound, or use another store"
        )
