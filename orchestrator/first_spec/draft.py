"""The values of a first spec, from the data and the size of the study."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from compound.orchestrator.first_spec.study_size import Available, StudySize
from compound.schemas.data import DataInfo, DataSpec, ImageFolderData
from compound.schemas.study import SPEC, StudySpec

_LARGEST, _MULTIPLE = 256, 16
"""Pixels a side of decoded images, at most and in steps."""
_FIRST = ("source", "path", "validation_path", "test_path", "image_column", "label_column")
_SHIFTED = 16
"""Pixels from which on images are shifted: below, a shift of an eighth is one or two pixels."""


@dataclass(frozen=True)
class Draft:
    """Everything that a first spec says."""

    name: str
    data: DataSpec
    """With the parts that it holds out, without limits."""
    available: Available
    size: StudySize
    flip: bool
    """Whether images are mirrored."""
    store: str = "runs"
    workers: int = 1
    """DDP ranks of a family job."""

    def values(self) -> dict[str, Any]:
        """Return the spec as a mapping, in the order in which people read it."""
        network, size = self.size.network.baseline(), self.size
        stages = [stage.model_dump(exclude_defaults=True) for stage in network.stages]
        return {
            "kind": "study",
            "name": self.name,
            "store": self.store,
            "data": self._data(),
            "baseline": {
                "resolution": network.resolution,
                "stem": {"channels": network.stem.channels, "stride": network.stem.stride},
                "stages": [_ordered(stage) for stage in stages],
                "head": network.head,
            },
            "rounding": {"channels": size.network.rounding, "depth": "round"},
            "search": {
                "design": {"kind": "lattice", "degree": size.degree},
                "budget": {"cost": "macs", "multiple": 2.0, "tolerance": 0.1},
                "seeds": size.seeds,
            },
            "family": {"phi": [_plain(phi) for phi in size.phis], "seeds": size.family_seeds},
            "train": {
                "epochs": size.epochs,
                "batch": size.batch,
                "learning_rate": "auto",
                "augment": self._augment(),
            },
            "resources": {
                "search": {"workers": 1, "cpus": 1, "gpus": "auto"},
                "family": {"workers": self.workers, "cpus": 1, "gpus": "auto"},
            },
        }

    def spec(self) -> StudySpec:
        """Return the spec."""
        spec = SPEC.validate_python(self.values())
        assert isinstance(spec, StudySpec), "the values say kind: study"
        return spec

    def foreseen(self, info: DataInfo) -> DataInfo:
        """Return what the data will be once their limits count: enough for a forecast."""
        update = {"train": self.size.images, "validation": self.size.validation}
        side = min(info.size, self.decoded) if self._shrinks else info.size
        return info.model_copy(update={**update, "size": side})

    @property
    def decoded(self) -> int:
        """Pixels a side that the largest network of the family may see."""
        most = self.size.network.resolution * 2 ** (max(self.size.phis) / 2)
        return min(_LARGEST, ceil(most / _MULTIPLE) * _MULTIPLE)

    @property
    def _shrinks(self) -> bool:
        return isinstance(self.data, ImageFolderData)

    def _data(self) -> dict[str, Any]:
        limits = {
            "limit": self.size.images if self.size.images < self.available.train else None,
            "validation_limit": self.size.validation
            if self.size.validation < self.available.validation
            else None,
        }
        size = {"size": self.decoded} if self._shrinks and self.decoded < _LARGEST else {}
        stated = self.data.model_dump(mode="json", exclude_defaults=True)
        first = {key: stated.pop(key) for key in _FIRST if key in stated}
        return {**first, **stated, **size, **{key: limit for key, limit in limits.items() if limit}}

    def _augment(self) -> dict[str, Any]:
        shift = {"pad": 0} if self.size.network.resolution < _SHIFTED else {}
        return {"flip": self.flip, **shift}


def _ordered(stage: dict[str, Any]) -> dict[str, Any]:
    keys = ("channels", "expand", "stride", "repeats", "se")
    return {key: _plain(stage[key]) for key in keys if key in stage}


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number
