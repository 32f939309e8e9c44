"""Which differences a study resolves, in words."""

from compound.orchestrator.statistics.power import resolvable, seeds_to_resolve
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.verdict import Resolution


def foresight(seeds: int, networks: int, level: float) -> str:
    """Return which differences a study will resolve, before any job runs; in sigma."""
    multiple = resolvable(seeds, networks, level)
    if multiple is None:
        return ""
    needed = _needed(*(seeds_to_resolve(size, networks, level) for size in (1.0, 0.5)))
    return (
        f"{counted(seeds, 'seed')} and {counted(networks, 'network')} resolve a difference of "
        f"{multiple:.1f} sigma (sigma: the noise between seeds). {needed}"
    )


def _needed(whole_noise: int | None, half_noise: int | None) -> str:
    whole = "over 1,000 seeds" if whole_noise is None else counted(whole_noise, "seed")
    part = "over 1,000" if half_noise is None else f"{half_noise:,}"
    return f"A difference as large as the noise needs {whole}, half of it {part}."


def resolution(reached: Resolution | None) -> str:
    """Return, after a search, which differences it could resolve."""
    if reached is None:
        return ""
    needed = _needed(reached.seeds_for_noise, reached.seeds_for_half)
    if reached.difference is None:
        return f"One seed per candidate resolves no difference. {needed}"
    return (
        f"{counted(reached.seeds, 'seed')} and {counted(reached.networks, 'network')} resolve "
        f"a difference of {points(reached.difference)} points with a probability of about "
        f"{100 * reached.power:.0f} %. {needed}"
    )
