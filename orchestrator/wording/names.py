"""Names of candidates for people, the same everywhere."""

from compound.schemas.architecture import AXES, CONTROLS, Candidate, Coefficients, Control, Way


def kind(candidate: Candidate) -> str:
    """Return a control's name, an axis before a named split; else `baseline` or `mix`."""
    if "baseline" in candidate.roles:
        return "baseline"
    return next((name for name in CONTROLS if name in candidate.roles), "mix")


def name(candidate: Candidate) -> str:
    """Return a candidate's name: its kind, a mix's multipliers, and the named splits it has."""
    kind_ = kind(candidate)
    splits = [label for role, label in SPLITS.items() if role in candidate.roles]
    if kind_ in AXES:
        return ", ".join([f"{kind_} alone", *splits])
    if kind_ == "baseline":
        return kind_
    return multipliers(candidate.coefficients) + (f" ({', '.join(splits)})" if splits else "")


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
