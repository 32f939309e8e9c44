"""The phases that follow the one that runs."""

from compound.schemas.study import AnySpec

_ORDER = {
    "recipe": 0,
    "screening": 0,
    "search": 1,
    "sensitivity": 1,
    "gate": 2,
    "family": 3,
    "train": 3,
}
"""The order of phases, by their titles; two that share a place are shown as one step."""


def following(spec: AnySpec, title: str) -> str:
    """Return `then gate and family`, the phases that follow one; "" after the last."""
    order = _ORDER.get(title, len(_ORDER))
    later = [phase for phase in spec.phases if _ORDER[phase] > order]
    return f"then {' and '.join(later)}" if later else ""
