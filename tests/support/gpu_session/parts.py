"""The parts of the session on a GPU, in the order in which they decide most."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A part: a process of its own, with a limit."""

    name: str
    seconds: int
    """What it may take on a GPU; on a CPU that others use too it may take more."""
    module: str
    title: str


PARTS = (
    Part("0", 30, "facts", "what is there"),
    Part("1", 45, "numbers", "right numbers"),
    Part("2", 20, "waits", "host waits"),
    Part("3", 45, "steps", "steps"),
    Part("rates", 40, "rates", "steps beside a plain loop and timm"),
    Part("4", 20, "checkpoints", "checkpoints"),
    Part("5", 45, "memory", "memory"),
    Part("6", 60, "probing", "probe"),
    Part("7", 65, "compiling", "compiling"),
    Part("8", 70, "on_ray", "Ray"),
    Part("9", 20, "collectives", "NCCL alone"),
    Part("10", 20, "broken", "a broken context"),
)
ALL_SECONDS = 480
"""What all parts may take together."""
SLOWER = 6
"""How many times longer a part may take where it is rehearsed on a CPU."""


def chosen(names: list[str] | None) -> tuple[Part, ...]:
    """Return the parts of these names, in their own order; all without names.

    Raises:
        ValueError: there is no such part.
    """
    if not names:
        return PARTS
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        raise ValueError(f"no part {sorted(unknown)[0]}; parts: {' '.join(p.name for p in PARTS)}")
    return tuple(part for part in PARTS if part.name in names)
