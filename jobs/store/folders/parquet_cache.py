"""A table in a study's folder that saves reading many files.

Its file is named by the hash of its place and its bytes: this is how readers know that it is whole,
and this study's. The study's list of files names it too, so that `verify` reports one that is gone.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import pyarrow as pa

from compound.jobs.store.backend.files import Files
from compound.jobs.store.folders.contents import StudyContents
from compound.jobs.store.format.checksummed_json import (
    DamagedError,
    damaged,
    has_its_hash,
    hashed_key,
)
from compound.jobs.store.format.rows import from_parquet, to_parquet

_log = logging.getLogger(__name__)


class ParquetCache:
    """Reads and replaces one table; one process writes at a time."""

    stem: ClassVar[str]
    """How its file's name begins."""
    pattern: ClassVar[re.Pattern[str]]
    """Its file's name."""
    schema: ClassVar[pa.Schema]
    former: ClassVar[pa.Schema | None] = None
    """The columns that older stores have."""
    fallback: ClassVar[str]
    """What readers read in its place, for the warning about a damaged file."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder = files, folder

    def names(self) -> list[str]:
        """Return the names of its files: one, or two while a new file takes its place."""
        return [name for name in self._files.names(self._folder) if self.pattern.fullmatch(name)]

    def tables(self, names: Iterable[str]) -> Iterator[tuple[pa.Table, str]]:
        """Yield the whole files among some names, with their addresses; warn about damaged ones."""
        for name in filter(self.pattern.fullmatch, names):
            where = self._files.locate(f"{self._folder}/{name}")
            try:
                table = self._read(name, where)
            except DamagedError as error:
                self.warn(error)
                continue
            if table is not None:
                yield table, where

    def _read(self, name: str, where: str) -> pa.Table | None:
        data = self._files.read(f"{self._folder}/{name}")
        if data is None:
            return None  # a newer file has just taken its place
        if not has_its_hash(f"{self._folder}/{name}", data):
            raise damaged("its hash is not the one in its name", where)
        return from_parquet(data, where, self.schema, former=self.former)

    def warn(self, error: DamagedError) -> None:
        """Log that a damaged file is not used."""
        _log.warning("%s; reading %s", str(error).splitlines()[0], self.fallback)

    def replace(self, table: pa.Table, metadata: Mapping[bytes, bytes] | None = None) -> None:
        """Write a table, then delete the files that were there before."""
        before, data = self.names(), to_parquet(table, metadata)
        key = hashed_key(f"{self._folder}/{self.stem}", data, "parquet")
        name = key.rpartition("/")[2]
        self._files.put({key: data})
        StudyContents(self._files, self._folder).keep_table(self.stem, name)
        self.delete(old for old in before if old != name)

    def forget(self) -> None:
        """Delete its file: what it was made from is about to change."""
        StudyContents(self._files, self._folder).keep_table(self.stem, None)
        self.delete(self.names())

    def delete(self, names: Iterable[str]) -> None:
        """Delete some of its files."""
        self._files.delete(f"{self._folder}/{name}" for name in names)
