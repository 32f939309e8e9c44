"""How people call a candidate, everywhere alike."""

from compound.schemas.architecture import AXES, CONTROLS, Candidate, Coefficients, Control


def kind(candidate: Candidate) -> str:
    """Return a control's name, an axis before a named split; else `baseline` or `mix`."""
    if "baseline" in candidate.roles:
        return "baseline"
    return next((name for name in CONTROLS if name in candidate.roles), "mix")


def name(candidate: Candidate) -> str:
    """Name a candidate by what it is, a mix by its multipliers, and by the splits it stands for."""
    what = kind(candidate)
    splits = [label for role, label in SPLITS.items() if role in candidate.roles]
    if what in AXES:
        return ", ".join([f"{what} alone", *splits])
    if what == "baseline":
        return what
    return multipliers(candidate.coefficients) + (f" ({', '.join(splits)})" if splits else "")


def multipliers(triple: Coefficients) -> str:
    """Write depth, width and resolution multipliers in one short string."""
    return f"{triple.alpha:.2f} · {triple.beta:.2f} · {triple.gamma:.2f}"


SPLITS: dict[Control, str] = {"published": "published", "dwr": "dWr"}
"""What people call the splits that are known by name."""


def triple(coefficients: Coefficients) -> str:
    """Write the multipliers of depth, width and resolution."""
    c = coefficients
    return f"alpha {c.alpha:.3f}, beta {c.beta:.3f}, gamma {c.gamma:.3f}"
