"""What the names of Parquet files say: whether they are Parquet, and which shards there are."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from compound.jobs.data.listing.left_out import EXAMPLES, as_utf8

SUFFIX = ".parquet"
_SHARD = re.compile(r"(.*?)(\d+)-of-(\d+)(?!\d)")
"""As Hugging Face and TensorFlow number the files of a part: `train-00000-of-00002`."""


def is_parquet(name: str) -> bool:
    """Return whether a name ends as those of Parquet files do, in any case."""
    return name.lower().endswith(SUFFIX)


def without_suffix(name: str) -> str:
    """Return the name of a Parquet file without its suffix."""
    return name[: -len(SUFFIX)] if is_parquet(name) else name


def missing_files(part: str, names: Sequence[str]) -> Iterator[str]:
    """Tell the shards that are missing from those of a part, by the total in the files' names."""
    present: dict[tuple[str, str], dict[int, str]] = {}
    for match in filter(None, map(_SHARD.match, names)):
        present.setdefault((match[1], match[3]), {})[int(match[2])] = match[2]
    for (start, total), numbers in present.items():
        first = 1 if int(total) in numbers else 0
        # Counted up, never as a list of all: the total is whatever a name says.
        missing = (n for n in range(first, int(total) + first) if n not in numbers)
        few = list(islice(missing, EXAMPLES + 1))
        if few:
            width = len(next(iter(numbers.values())))
            listed = ", ".join(f"{start}{number:0{width}}-of-{total}" for number in few[:EXAMPLES])
            yield (
                f"{len(numbers):,} of {int(total):,} {part} shards are here, without "
                f"{as_utf8(listed)}{' and more' if len(few) > EXAMPLES else ''}"
            )
