"""What a study warns of, the same on a terminal, in JSON and on a page."""

from collections.abc import Iterable
from itertools import chain

from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.ranked_warnings import ranked
from compound.schemas.data import DataInfo
from compound.schemas.study import AnySpec


def study_warnings(spec: AnySpec, data: DataInfo | None, *stored: Iterable[str]) -> list[str]:
    """Return every warning once, what costs the answer most first.

    `data`: None where a study is older than its record of data; `stored`: the warnings of its
    documents, such as the verdict and the test part.
    """
    of_data = (*class_warnings(data), *too_little(spec, data)) if data else ()
    return ranked((*of_data, *chain(*stored)))
