"""What the surface over the shares is good for: simulated studies whose truth is known.

    python -m benchmarks.surface [--studies 100]

Truths and noise are those of benchmarks/verdict.py; the untried networks have a truth as well.
`--studies` is for each truth and plan. Regret is the lead of the best network of this cost, tried
or not, over the chosen one, in sigma (the noise between seeds).

Goals at the level of 0.9: intervals of untried networks hold their true mean in 0.86 to 0.94 of
the cases, by plan; the optimum has less regret than the highest mean, and a true mean outside of
its interval in at most 0.07 on either side; a round of the best predicted networks has less regret
than a round of random ones. Promotion by the surface should gain 0.05 sigma over promotion by
plain means; it does not, so the study promotes by means.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from compound.orchestrator.analyse.optimum import optimum
from compound.orchestrator.analyse.prediction import next_points, predict
from compound.orchestrator.analyse.scores import ScoredCandidates, compare
from compound.orchestrator.plan.schedules import promoted_count
from compound.schemas.architecture import Candidate
from tests.support.simulated_studies import SIGMA
from tests.support.simulated_verdicts import DATA
from tests.support.surface_studies import GRID, Simulation, Study
from tests.support.surfaces import SCENARIOS, SURFACES

PLANS: dict[str, tuple[str, int, int | None]] = {
    "15 of 22, 3 seeds": ("benchmarks/tables/verdict.yaml", 3, None),
    "26 of 50, 3 seeds": (GRID, 3, None),
    "26 of 50, 5 seeds": (GRID, 5, None),
    "15 of 50, 2 seeds": (GRID, 2, 15),
    "10 of 50, 3 seeds": (GRID, 3, 10),
}
"""Files, seeds, and networks of the design."""
ADDED = 3
"""Networks that a round adds."""
PROMOTED_PART = 0.1
"""Part of the mixes that is promoted."""


@dataclass(frozen=True)
class Judged:
    """One study beside its truth."""

    covered: float
    """Part of the untried networks whose interval holds the true mean."""
    width: float
    """Mean width of these intervals, in sigma."""
    optimum_too_low: bool
    """The true mean of the optimum lies above its interval."""
    optimum_too_high: bool
    """It lies below."""
    optimum: float
    """Regret of the optimum."""
    no_round: float
    """Regret of the highest mean without a round."""
    random_round: float
    """After a round of random networks."""
    predicted_round: float
    """After a round of the best predicted ones."""
    by_mean: float
    """Lead of the best mix over the best promoted one, by means of a short schedule."""
    by_surface: float
    """The same by what the surface expects."""


def judge(study: Study, rng: np.random.Generator) -> Judged:
    """Compare predictions, optimum, next networks and promotion with the truth."""
    tried = list(range(study.simulation.tried))
    scored, untried = study.scored(tried), study.untried(tried)
    ids = [network.id for network in study.simulation.networks]
    true = dict(zip(ids, study.true.tolist(), strict=True))
    predictions = predict(scored, untried)
    peak = optimum(scored, untried)
    assert predictions and peak
    covered = [entry.low <= true[entry.candidate] <= entry.high for entry in predictions]
    return Judged(
        covered=float(np.mean(covered)),
        width=float(np.mean([entry.high - entry.low for entry in predictions])) / SIGMA,
        optimum_too_low=true[peak.candidate] > peak.high,
        optimum_too_high=true[peak.candidate] < peak.low,
        optimum=(max(true.values()) - true[peak.candidate]) / SIGMA,
        no_round=_regret(study, tried),
        random_round=_regret(
            study, [*tried, *rng.permutation(np.arange(len(ids))[len(tried) :])[:ADDED]]
        ),
        predicted_round=_regret(study, [*tried, *map(ids.index, _next(scored, untried))]),
        by_mean=_promoted(study, tried, smooth=False),
        by_surface=_promoted(study, tried, smooth=True),
    )


def _next(scored: ScoredCandidates, untried: Sequence[Candidate]) -> list[str]:
    return [network.id for network in next_points(scored, untried, ADDED)]


def _regret(study: Study, positions: Sequence[int]) -> float:
    """Return the regret of the highest mean of these networks."""
    best = study.scored(positions).candidates[0].id
    ids = [network.id for network in study.simulation.networks]
    return float(study.worth.max() - study.worth[ids.index(best)])


def _promoted(study: Study, tried: Sequence[int], smooth: bool) -> float:
    """Return the lead of the best mix over the best promoted one, after a short schedule."""
    short = compare([study.short[i] for i in tried], 0.9, DATA.validation)
    means = np.array([entry.at_budget for entry in short.candidates])
    if smooth and short.surface is not None:
        means[short.placed] = short.surface.expected.means
    ids = [network.id for network in study.simulation.networks]
    worth = np.array([study.worth[ids.index(entry.id)] for entry in short.candidates])
    mixes = np.array(short.mixes)
    promoted = mixes[np.argsort(-means[mixes])[: promoted_count(len(mixes), PROMOTED_PART)]]
    return float(worth[mixes].max() - worth[promoted].max())


HEAD = (
    "covered",
    "width",
    "too low",
    "too high",
    "optimum",
    "no round",
    "random",
    "predicted",
    "by mean",
    "smooth",
)
FIGURES = tuple(Judged.__dataclass_fields__)


def row(label: str, figures: Sequence[float]) -> str:
    """Return one line of the table."""
    return f"{label:32}" + "".join(f"{figure:>10.3f}" for figure in figures)


def table(studies: int) -> Iterable[str]:
    """Yield the lines of the table, as they come."""
    for plan, arguments in PLANS.items():
        simulation, means = Simulation.of(*arguments), []
        yield f"{plan:32}" + "".join(f"{name:>10}" for name in HEAD)
        for truth in (*SURFACES, *SCENARIOS):
            rng = np.random.default_rng(0)
            judged = [judge(simulation.study(truth, seed), rng) for seed in range(studies)]
            figures = [[float(getattr(study, name)) for name in FIGURES] for study in judged]
            means.append(np.mean(figures, axis=0))
            yield row(truth, means[-1].tolist())
        yield row("all", np.mean(means, axis=0).tolist())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=100)
    options = parser.parse_args()
    started = time.perf_counter()
    for line in table(options.studies):
        print(line, flush=True)
    print(f"{time.perf_counter() - started:.0f} s; width and regrets in sigma")


if __name__ == "__main__":
    main()
