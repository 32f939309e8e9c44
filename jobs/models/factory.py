"""Networks of the user's own: built by their function, counted, and identified by their shapes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from compound.jobs.models.decayed_weights import mark
from compound.jobs.models.meta_trace import IMAGES, Trace, trace
from compound.jobs.models.same_network import (
    Layout,
    differing_counts,
    first_difference,
    layout,
    runs_otherwise,
)
from compound.jobs.models.training_check import (
    Buffers,
    Untrainable,
    left_out,
    require_even,
    require_types,
    require_used,
    require_weights,
    unreached,
)
from compound.jobs.models.user_code import (
    ARGUMENTS,
    WHERE,
    Build,
    code_folder,
    defined_at,
    factory_errors,
    load,
)
from compound.jobs.runtime.python_command import python_command
from compound.schemas.architecture import AXES, Axis
from compound.schemas.errors import FactoryError, OtherNetworkError
from compound.schemas.factory import FactoryNetwork

_LARGER = (2, 4)
"""Multipliers that show whether an axis has an effect: rounding may hide the smaller one."""

Point = tuple[float, float, int]
"""Depth, width and resolution: the arguments of a factory's call."""


class Factory:
    """A user's function for one number of classes and channels; each point is built once."""

    def __init__(
        self, name: str, num_classes: int, in_channels: int, folders: tuple[str, ...]
    ) -> None:
        """Import the function, which runs code. FactoryError: it cannot be imported or called."""
        self.name = name
        self._classes, self._channels = num_classes, in_channels
        self._build: Build = load(name, folders)
        self._folders = (*folders, code_folder(name))
        self._built: dict[Point, FactoryNetwork | FactoryError] = {}
        self._weights: dict[Point, frozenset[str]] = {}
        self._passes = 0
        self._layouts: dict[Point, Layout] = {}

    @property
    def builds(self) -> int:
        """How many networks were built to be counted."""
        return len(self._built)

    def realise(self, depth: float, width: float, resolution: int) -> FactoryNetwork:
        """Build on the meta device and count. FactoryError: it cannot be built, or run there."""
        point = (depth, width, resolution)
        if point not in self._built:
            self._built[point] = self._realised(point)
        result = self._built[point]
        if isinstance(result, FactoryError):
            raise result
        return result

    def check_training(self, network: FactoryNetwork) -> None:
        """Run a network in training mode, forward and backward.

        Raises FactoryError: it does not return logits there, never uses one of its weights, or
        has types that cannot be trained.
        """
        self._check_training((network.depth, network.width, network.resolution))

    def left_out(self, network: FactoryNetwork) -> list[str]:
        """Return the weights that some passes in training use, and others leave out."""
        point = (network.depth, network.width, network.resolution)
        module = self._without_numbers(point)
        with self._factory_errors("in training", point):
            return left_out(module, lambda: self._training_output(module, point, "meta"))

    def _check_training(self, point: Point) -> None:
        module = self._without_numbers(point)
        buffers = Buffers(module)
        with self._untrainable(point):
            require_weights(module)
            with self._factory_errors("in training", point):
                output = self._training_output(module, point, "meta")
            self._check_output(output, "in training, ")
            buffers.require_unchanged()
            if unreached(module, output):
                self._require_used(module, point)

    def _training_output(self, module: nn.Module, point: Point, device: str) -> Tensor:
        images = torch.zeros(IMAGES, self._channels, point[2], point[2], device=device)
        self._passes += 1
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            # fork_rng restores the generator, so without a seed of its own each pass would take
            # the same branches. torch.manual_seed would seed the generators of GPUs too.
            torch.default_generator.manual_seed(self._passes)
            output: Tensor = module.train()(images)
        return output

    def _require_used(self, module: nn.Module, point: Point) -> None:
        """Take gradients: the graph alone does not show what a checkpointed block uses."""
        try:
            require_used(module, lambda: self._backward(module, point, "meta"))
        except RuntimeError:
            # Some operations have no backward on the meta device (NotImplementedError is one too).
            real = self._called(point)

            def checked() -> None:
                with self._factory_errors("in backward", point):
                    self._backward(real, point, "cpu")

            require_used(real, checked)

    def _backward(self, module: nn.Module, point: Point, device: str) -> None:
        output = self._training_output(module, point, device)
        output.sum().backward()  # type: ignore[no-untyped-call]

    @contextmanager
    def _untrainable(self, point: Point) -> Iterator[None]:
        try:
            yield
        except Untrainable as error:
            raise FactoryError(
                f"{self.name} {error.problem}, at {_point_text(point)}",
                where=WHERE,
                allowed=error.allowed,
                next_step=error.next_step,
            ) from None

    def axes(self, base: FactoryNetwork) -> tuple[Axis, ...]:
        """Return the axes that have an effect on some tensor of the network."""
        return tuple(axis for axis in AXES if self._has_effect(axis, base))

    def module(self, network: FactoryNetwork) -> nn.Module:
        """Build with weights, drawn from torch's current generator.

        Raises OtherNetworkError where the network is not the one that was planned: as it is
        counted in this process, or as it is built now.
        """
        now = self.realise(network.depth, network.width, network.resolution)
        if now != network:
            raise self._other_network(network, differing_counts(network, now))
        point = (network.depth, network.width, network.resolution)
        module = self._called(point)
        with self._factory_errors("on the meta device", point):
            otherwise = runs_otherwise(module, self._channels, point[2], network.shapes)
        if otherwise:
            difference = "its layers are those that were counted, but its forward runs others"
            raise self._other_network(network, difference)
        mark(module, self._weights[point])
        return module

    def _other_network(self, at: Point | FactoryNetwork, difference: str) -> OtherNetworkError:
        return OtherNetworkError(
            f"the factory builds another network than the planned one: {self.name} at "
            f"{_point_text(at)}: {difference}{defined_at(self._build)}",
            where=WHERE,
            allowed="the same network for the same arguments, on every device and in every "
            "process, with the code and the version of torch that the plan was made with",
            next_step="let the code depend on its arguments alone, and plan again: "
            "compound plan SPEC --allow-import",
        )

    def _realised(self, point: Point) -> FactoryNetwork | FactoryError:
        try:
            module = self._without_numbers(point)
            with self._untrainable(point):
                require_types(module)
            traced = self._traced(module, point)
            if unreached(module, traced.output):
                self._check_training(point)
        except FactoryError as error:
            return error
        self._weights[point] = traced.weights
        return FactoryNetwork(
            factory=self.name,
            **dict(zip(ARGUMENTS, (*point, self._classes, self._channels), strict=True)),
            workload=traced.workload,
            shapes=traced.digest,
        )

    def _traced(self, module: nn.Module, point: Point) -> Trace:
        with self._factory_errors("on the meta device", point):
            traced = trace(module, self._channels, point[2])
        self._check_output(traced.output)
        with self._untrainable(point):
            require_even(traced.macs)
        return traced

    def _without_numbers(self, point: Point) -> nn.Module:
        """Build on the meta device; code that needs real numbers is built with them, then moved."""
        # Building must not change the caller's random numbers. By default fork_rng saves
        # the generators of all CUDA devices too, which creates a context on each.
        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"):
                    return self._called(point)
            except OtherNetworkError:
                raise
            except FactoryError:
                return self._called(point).to("meta")

    def _called(self, point: Point) -> nn.Module:
        arguments = dict(zip(ARGUMENTS, (*point, self._classes, self._channels), strict=True))
        with self._factory_errors("", point):
            module = self._build(**arguments)
        if not isinstance(module, nn.Module):
            raise FactoryError(
                f"{self.name} returned {_described(module)}, not an nn.Module"
                f"{defined_at(self._build)}",
                where=WHERE,
                next_step="return the network from this function",
            )
        self._require_same(point, module)
        return module

    def _require_same(self, point: Point, module: nn.Module) -> None:
        """Compare a network with what the first call for this point has built."""
        difference = first_difference(
            self._layouts.setdefault(point, layout(module)), layout(module)
        )
        if difference:
            raise self._other_network(point, difference)

    def _check_output(self, output: object, when: str = "") -> None:
        shape = (IMAGES, self._classes)
        if isinstance(output, Tensor) and tuple(output.shape) == shape:
            return
        raise FactoryError(
            f"{self.name}: {when}the network returns {_described(output)} for {IMAGES} images"
            f"{defined_at(self._build)}",
            where=WHERE,
            allowed=f"one tensor of logits (N, {self._classes}): a row an image, a column a class",
        )

    def _has_effect(self, axis: Axis, base: FactoryNetwork) -> bool:
        for factor in _LARGER:
            point = {name: getattr(base, name) for name in AXES}
            try:
                larger = self.realise(**{**point, axis: point[axis] * factor})
            except FactoryError:
                return True
            if larger.workload != base.workload:
                return True
        return False

    def _alone(self, at: Point | FactoryNetwork) -> str:
        """Return the command that builds and runs the network without Compound."""
        module, _, function = self.name.partition(":")
        values = zip(ARGUMENTS, (*_point(at), self._classes, self._channels), strict=True)
        arguments = ", ".join(f"{name}={value:.6g}" for name, value in values)
        side = _point(at)[2]
        images = f"torch.zeros({IMAGES}, {self._channels}, {side}, {side})"
        code = f"import torch, {module} as m; m.{function}({arguments})({images})"
        return python_command(code, self._folders[:-1])

    @contextmanager
    def _factory_errors(self, doing: str, at: Point | FactoryNetwork) -> Iterator[None]:
        action = f"{self.name} {doing}".strip()
        alone = self._alone(at)
        with factory_errors(f"{action} at {_point_text(at)}", self._folders, alone):
            yield


def normalised(module: nn.Module, momentum: float | None) -> nn.Module:
    """Set the weight of the newest batch in every batch norm's running statistics."""
    for layer in module.modules():
        if momentum is not None and isinstance(layer, _BatchNorm):
            layer.momentum = momentum
    return module


def _point_text(at: Point | FactoryNetwork) -> str:
    point = _point(at)
    return f"depth {point[0]:.4g}, width {point[1]:.4g}, {point[2]} pixels"


def _point(at: Point | FactoryNetwork) -> Point:
    return (at.depth, at.width, at.resolution) if isinstance(at, FactoryNetwork) else at


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
