"""One row for each parallel strategy: what planning needs to know of it, without torch.

A new strategy is a row here and the file that the row names; `strategy.py` says what is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from compound.schemas.errors import PlanError
from compound.schemas.parallel import Parallel
from compound.schemas.recipe import Recipe


@dataclass(frozen=True)
class StrategyTraits:
    """How a strategy differs for a plan. The defaults are those of data-parallel training."""

    module: str
    """The file with its `STRATEGY`, which imports torch."""
    divides: bool = False
    """Whether the workers divide weights, gradients and optimiser state among them, and every
    worker writes its own part of a checkpoint. Otherwise each worker has all of them."""
    compiles: bool = True
    """Whether torch.compile can be used with it."""
    shares_gpus: bool = True
    """Whether several workers may share one GPU."""
    sent_in_a_pass: float | None = None
    """Bytes that a worker sends in every micro-batch, over those of one all-reduce of all
    gradients. None: one all-reduce in each optimiser step, whatever the number of micro-batches."""

    def parts(self, workers: int) -> int:
        """Return into how many parts the workers divide the state of training."""
        return workers if self.divides else 1

    def sent(self, micro_batches: int) -> float:
        """Return what a worker sends in one step, over one all-reduce of all gradients."""
        return 1 if self.sent_in_a_pass is None else self.sent_in_a_pass * micro_batches

    def check(self, recipe: Recipe) -> None:
        """Raise PlanError if a network cannot be trained by this recipe and strategy."""
        if recipe.compile and not self.compiles:
            raise PlanError(
                "a network that is divided among workers cannot be compiled as well",
                where="train.compile",
                allowed="`compile: false`, or `parallel: none`",
                next_step="set `compile: false`, or `parallel: none` if the network fits",
            )


STRATEGIES: Mapping[Parallel, StrategyTraits] = {
    "none": StrategyTraits("compound.jobs.parallel.data_parallel"),
    "full": StrategyTraits(
        "compound.jobs.parallel.fully_sharded",
        divides=True,
        compiles=False,
        shares_gpus=False,
        # Weights are gathered twice and gradients reduced once; an all-reduce takes two such rounds
        # (ZeRO, arXiv 1910.02054, section 7).
        sent_in_a_pass=1.5,
    ),
}
