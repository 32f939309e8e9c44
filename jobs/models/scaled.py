"""Networks and their scalings, whether they are data or built by a user's own factory.

The only module that decides between arithmetic on an Architecture and a call of the user's code.
Torch is imported only where a factory is.
"""

from typing import TYPE_CHECKING

from compound.jobs.networks.scaling import OFFICIAL, alone, at, multipliers, stretch
from compound.schemas.architecture import AXES, Architecture, Axis, Coefficients, Network, Rounding
from compound.schemas.errors import FactoryError
from compound.schemas.factory import FactoryNetwork

if TYPE_CHECKING:
    from torch import nn

    from compound.jobs.models.factory import Factory

FINE, COARSE = 1.004, 1.03
"""Ratios of neighbouring multipliers that a search tries: arithmetic is cheap, building is not."""


class Networks:
    """Realises networks. Factories are imported from the folders in `imports`; if none, never.

    A factory is imported once, and called once for the same depth, width and resolution.
    """

    def __init__(self, imports: tuple[str, ...] = ()) -> None:
        """`imports` is a permission: it comes from a command line, never from a spec or a store."""
        self._imports = imports
        self._factories: dict[tuple[str, int, int], Factory] = {}

    @property
    def builds(self) -> int:
        """How many networks were built to be counted."""
        return sum(factory.builds for factory in self._factories.values())

    def own(self, factory: str, resolution: int, classes: int, channels: int) -> FactoryNetwork:
        """Build a factory's baseline, and check that it can be trained and scaled.

        Raises FactoryError: its code may not run, fails, or ignores every multiplier.
        """
        maker = self._factory(factory, classes, channels)
        network = maker.realise(1.0, 1.0, resolution)
        maker.check_training(network)
        if not maker.axes(network):
            raise FactoryError(
                f"{factory}: neither depth, width nor resolution has an effect on any tensor",
                where="baseline.factory",
                allowed="a network that grows with at least one of them",
            )
        return network

    def check_shared_training(self, network: FactoryNetwork) -> None:
        """Check that several workers can train a network together.

        Raises FactoryError: some passes leave out weights, whose gradients the others wait for.
        """
        names = self._maker(network).left_out(network)
        if names:
            from compound.jobs.models.training_check import listed

            raise FactoryError(
                f"{network.factory} leaves the weight {listed(names)} out of some passes in "
                "training, and several workers average the gradients of all weights in each step",
                where="baseline.factory",
                allowed="a network whose every pass uses all its weights, such as one that "
                "multiplies a branch by 0 instead of leaving it out; or `workers: 1` everywhere",
                next_step="set `workers: 1` under `resources`, or change the forward",
            )

    def stretch(
        self,
        base: Network,
        depth: float,
        width: float,
        resolution: int,
        rounding: Rounding = OFFICIAL,
    ) -> Network:
        """Multiply depth and width; a factory rounds them itself."""
        if isinstance(base, Architecture):
            return stretch(base, depth, width, resolution, rounding)
        return self._maker(base).realise(base.depth * depth, base.width * width, resolution)

    def scale(
        self, base: Network, coefficients: Coefficients, phi: float, rounding: Rounding = OFFICIAL
    ) -> Network:
        """Scale by alpha^phi, beta^phi and gamma^phi."""
        target = multipliers(base.resolution, coefficients, phi, rounding)
        return self.stretch(base, *target, rounding)

    def at(self, network: Network, resolution: int) -> Network:
        """Return a network at another resolution."""
        if isinstance(network, Architecture):
            return at(network, resolution)
        return self.stretch(network, 1, 1, resolution)

    def alone(self, base: Network, network: Network) -> tuple[Network, ...]:
        """Apply a scaled network's depth, width and resolution to its baseline, each one alone."""
        if isinstance(base, Architecture) and isinstance(network, Architecture):
            return alone(base, network)
        assert isinstance(base, FactoryNetwork) and isinstance(network, FactoryNetwork)
        deep = self.stretch(base, network.depth / base.depth, 1, base.resolution)
        wide = self.stretch(base, 1, network.width / base.width, base.resolution)
        return deep, wide, self.at(base, network.resolution)

    def axes(self, base: Network) -> tuple[Axis, ...]:
        """Return the axes along which a network can be scaled at all."""
        return AXES if isinstance(base, Architecture) else self._maker(base).axes(base)

    def step(self, base: Network) -> float:
        """Return the ratio of neighbouring multipliers that is fine enough for a search."""
        return FINE if isinstance(base, Architecture) else COARSE

    def module(self, network: FactoryNetwork) -> "nn.Module":
        """Build with weights. FactoryError: it may not run, or now builds another network."""
        return self._maker(network).module(network)

    def _maker(self, network: FactoryNetwork) -> "Factory":
        return self._factory(network.factory, network.num_classes, network.in_channels)

    def _factory(self, name: str, classes: int, channels: int) -> "Factory":
        key = (name, classes, channels)
        if key not in self._factories:
            self._factories[key] = self._imported(name, classes, channels)
        return self._factories[key]

    def _imported(self, name: str, classes: int, channels: int) -> "Factory":
        if not self._imports:
            raise FactoryError(
                f"{name} is code, and it is imported only if the command line allows it",
                where="baseline.factory",
                next_step="the same command with --allow-import",
            )
        # This import loads torch, which takes seconds; plans of named networks do without.
        from compound.jobs.models.factory import Factory

        return Factory(name, classes, channels, self._imports)
