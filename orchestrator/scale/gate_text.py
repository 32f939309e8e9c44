"""The gate's outcome in sentences; accuracies in percent points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.architecture import Coefficients
from compound.schemas.gate import Correlation

Outcome = Literal["carries over", "does not carry over", "undecided"]


def cannot_be_built(name: str, why: str) -> str:
    """Name a candidate that the gate leaves out, with the reason."""
    return f"{name} does not enter the gate: {why}."


def same_network(name: str, kept_name: str) -> str:
    """Name two candidates that rounding makes one network at the gate's scale."""
    return f"{name} does not enter the gate: there it is the same network as {kept_name}."


def no_correction(ratios: Sequence[float]) -> str:
    """Say how uneven the costs are where nothing corrects for them."""
    span = f"{min(ratios):.2f}x to {max(ratios):.2f}x the baseline's"
    return f"Without a score of the baseline the gate compares costs of {span} as they are."


def tau(correlation: Correlation) -> str:
    """Write a rank correlation with its interval."""
    interval = (
        f"{100 * correlation.level:g} % interval {correlation.low:.2f} to {correlation.high:.2f}"
    )
    return f"Kendall's tau {correlation.tau:.2f} ({interval})"


def listed(names: Sequence[str]) -> str:
    """Write names as people do: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


@dataclass(frozen=True)
class GateText:
    """What every sentence about one gate needs."""

    scale: str
    level: float
    mode: Literal["off", "warn", "stop"]
    correlation: Correlation | None

    @property
    def upright(self) -> bool:
        """Whether the order is proven to be the same."""
        return self.correlation is not None and self.correlation.low > 0

    @property
    def turned(self) -> bool:
        """Whether the order is proven to turn around."""
        return self.correlation is not None and self.correlation.high < 0

    def nothing(self, scored: int, entrants: int) -> str:
        """Fewer than two have a score."""
        if entrants < 2:
            return (
                f"The gate at {self.scale} has {counted(entrants, 'contender')} and nothing to "
                "compare: add candidates or controls to the search."
            )
        return (
            f"The gate at {self.scale} has no result: {scored} of {entrants} contenders have a "
            "score. Correct the cause of the failed jobs and run the same command again."
        )

    def no_choice(self) -> str:
        """The chosen candidate has no score."""
        return (
            f"The gate at {self.scale} has no score for the chosen candidate, so it cannot say "
            "whether the choice carries over. Correct the cause of its failed jobs and run the "
            "same command again."
        )

    def no_noise(self) -> str:
        """One score each."""
        return (
            f"At {self.scale} every contender has one score, so the noise is unknown, and so is "
            "whether the order is the same: set gate.seeds to 2 or more and run again."
        )

    def overtaken(self, best: str, coefficients: Coefficients, lead: float) -> str:
        """The chosen candidate has left the tied set."""
        return (
            f"The order of the search does not carry over: at {self.scale}, {best} is "
            f"{points(lead)} points above the chosen candidate, more than noise explains at the "
            f"{100 * self.level:g} % level. {self._next(triple(coefficients))}"
        )

    def upside_down(self) -> str:
        """The order has turned around."""
        return (
            f"The order of the search does not carry over: at {self.scale} it is reversed, "
            f"{self._tau}. {self._next('coefficients of your own')}"
        )

    def proven_best(self) -> str:
        """Alone in the tied set."""
        turned = f", although the order is reversed: {self._tau}" if self.turned else ""
        return (
            f"The choice carries over to {self.scale}: the chosen candidate is better than every "
            f"other contender there, by more than noise explains{turned}."
        )

    def order_holds(self, *, best: bool) -> str:
        """Tau is proven to be positive."""
        stands = "the best" if best else "tied with the best"
        return (
            f"The order of the search carries over to {self.scale}: {self._tau}, and the chosen "
            f"candidate is {stands} of the contenders there."
        )

    def losers_stay(self, losers: Sequence[str], proven: int) -> str:
        """Tau is not conclusive, but the candidates that were proven worse stay worse."""
        stay = "stays" if len(losers) == 1 else "stay"
        surely = "" if proven == len(losers) else f", {proven} of them by more than noise explains"
        return (
            f"The choice carries over to {self.scale}: the chosen candidate is among the best "
            f"there, and {listed(losers)}, which the search proved worse than the best, {stay} "
            f"behind it{surely}."
        )

    def all_tied(self) -> str:
        """No difference is significant, in the search or now."""
        return (
            f"No difference is significant, in the search or at {self.scale}: the order of the "
            "contenders is noise, so there is no order to carry over. Any of them may be "
            "scaled; more seeds (search.seeds) would show finer differences."
        )

    def open_question(self) -> str:
        """Neither proven nor disproven."""
        tau = f": {self._tau}" if self.correlation else ""
        return (
            f"At {self.scale} the chosen candidate is still tied with the best, but whether the "
            f"order of the search carries over is open{tau}. More seeds (gate.seeds) narrow it, "
            "and only the new ones train."
        )

    @property
    def _tau(self) -> str:
        return tau(self.correlation) if self.correlation else ""

    def _next(self, instead: str) -> str:
        if self.mode == "stop":
            return (
                "The study stops before the family. Next: more seeds (gate.seeds) for a closer "
                f"look; `gate: warn` to train it all the same; or `kind: train` with {instead}."
            )
        return (
            "The family is trained all the same, because of `gate: warn`; `kind: train` with "
            f"{instead} would be the alternative."
        )
