"""All kinds of spec. A new `kind:` is a spec class, a file beside this one, and a row here."""

from collections.abc import Mapping
from typing import Any

from compound.orchestrator.kinds.kind import Kind
from compound.orchestrator.kinds.study_kind import StudyKind
from compound.orchestrator.kinds.train_kind import TrainKind

# Any: the table joins a spec to its kind at run time, and the spec's class is known only there.
KINDS: Mapping[str, Kind[Any, Any]] = {"study": StudyKind(), "train": TrainKind()}
"""By the spec's `kind`."""
