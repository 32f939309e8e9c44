"""A study that ends at its gate."""

from compound.schemas.study import SPEC, StudySpec
from tests.support.report_pages import BASELINE


def spec_of(seeds: int = 3, again: int | None = None, **gate: object) -> StudySpec:
    spec = SPEC.validate_python(
        {
            "kind": "study",
            "name": "gated",
            "data": {"source": "digits"},
            "baseline": BASELINE,
            "search": {
                "design": {"kind": "lattice", "degree": 3},
                "budget": {"tolerance": 0.1},
                "seeds": seeds,
                "train": {"epochs": 4},
            },
            "train": {"epochs": 6},
            "gate": {"mode": "stop", "seeds": again, **gate},
        }
    )
    assert isinstance(spec, StudySpec)
    return spec
