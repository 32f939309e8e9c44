"""All kinds of spec. A new kind is a spec and a plan class in the unions of schemas/study.py and
schemas/plan.py, a file beside this one, and a row here; records/documents.py reads its documents.
"""

from collections.abc import Mapping
from typing import Any

from compound.orchestrator.kinds.kind import Kind
from compound.orchestrator.kinds.study_kind import StudyKind
from compound.orchestrator.kinds.train_kind import TrainKind

# Any: the table joins a spec to its kind at run time, and the spec's class is known only there.
KINDS: Mapping[str, Kind[Any, Any]] = {"study": StudyKind(), "train": TrainKind()}
"""By the spec's `kind`."""
