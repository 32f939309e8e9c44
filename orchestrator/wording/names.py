"""Names of candidates for people, the same everywhere."""

from compound.orchestrator.wording.network_names import network_label
from compound.schemas.architecture import AXES, CONTROLS, Candidate, Coefficients, Control, Way


def kind(candidate: Candidate) -> str:
    """Return a control's name, an axis before a named split; else `baseline` or `mix`."""
    if "baseline" in candidate.roles:
        return "baseline"
    return next((name for name in CONTROLS if name in candidate.roles), "mix")


def name(candidate: Candidate) -> str:
    """Return a candidate's label, and in parentheses what it is beside a mix."""
    roles = roles_text(candidate)
    return network_label(candidate) + (f" ({roles})" if roles else "")


def roles_text(candidate: Candidate) -> str:
    """Return what a candidate is: baseline, an axis alone, a named split; "" for any other mix."""
    kind_ = kind(candidate)
    names = [f"{kind_} alone"] if kind_ in AXES else [kind_] if kind_ == "baseline" else []
    splits = [label for role, label in SPLITS.items() if role in candidate.roles]
    return ", ".join([*names, *splits])


def multipliers(triple: Coefficients) -> str:
    """Write depth, width and resolution multipliers in one short string."""
    return f"{triple.alpha:.2f} · {triple.beta:.2f} · {triple.gamma:.2f}"


SPLITS: dict[Control, str] = {"published": "published", "dwr": "dWr"}
"""The named splits, for people."""


def triple(coefficients: Coefficients) -> str:
    """Write the multipliers of depth, width and resolution."""
    c = coefficients
    return f"alpha {c.alpha:.3f}, beta {c.beta:.3f}, gamma {c.gamma:.3f}"


WAYS: dict[Way, str] = {
    "choice": "the choice",
    **{axis: f"{axis} alone" for axis in AXES},
    "published": "the published split",
}
"""The ways of scaling, for people."""
