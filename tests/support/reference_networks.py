"""Networks laid out as torchvision and timm document theirs: what the weight loader must match.

Their modules' names and order of computation, filled with the shapes of an Architecture.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from compound.jobs.networks.block_counts import squeeze_channels
from compound.schemas.architecture import Architecture

Layers = OrderedDict[str, nn.Module]


def conv(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)


def conv_norm(shape: tuple[int, ...], eps: float, act: nn.Module | None) -> nn.Sequential:
    layers = [conv(*shape), nn.BatchNorm2d(shape[1], eps=eps)]
    return nn.Sequential(*layers, *([act] if act else []))


class Gate(nn.Module):
    """Squeeze-excitation whose two convolutions have the given names."""

    def __init__(self, channels: int, squeezed: int, act: nn.Module, names: tuple[str, str]):
        super().__init__()
        self.names, self.act = names, act
        setattr(self, names[0], nn.Conv2d(channels, squeezed, 1))
        setattr(self, names[1], nn.Conv2d(squeezed, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        reduce, expand = (getattr(self, name) for name in self.names)
        return x * torch.sigmoid(expand(self.act(reduce(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """A chain of layers under one name, or named one by one, added to its input where it may."""

    def __init__(self, layers: Layers, skip: bool):
        super().__init__()
        self.skip, self.order = skip, list(layers)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for name in self.order:
            y = self.get_submodule(name)(y)
        return x + y if self.skip else y


class Network(nn.Module):
    """Named parts one after another, then the mean over pixels and the classifier."""

    def __init__(self, parts: Layers, classifier: tuple[str, nn.Module]):
        super().__init__()
        self.order = list(parts)
        for name, part in (*parts.items(), classifier):
            self.add_module(name, part)
        self.last = classifier[0]

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = self.get_submodule(name)(x)
        return self.get_submodule(self.last)(x.mean((2, 3)))


def walk(network: Architecture):
    """Yield stage, its number, the repeat, the block's input channels and stride."""
    cin = network.stem.channels
    for number, stage in enumerate(network.stages):
        for repeat in range(stage.repeats):
            yield stage, number, repeat, cin, stage.stride if repeat == 0 else 1
            cin = stage.out_channels


def torchvision_classifier(network: Architecture, features: int) -> tuple[str, nn.Module]:
    linear = nn.Linear(features, network.num_classes)
    return "classifier", nn.Sequential(nn.Dropout(0.2), linear)


def torchvision_efficientnet(network: Architecture, eps: float = 1e-5) -> Network:
    stages: list[list[nn.Module]] = [[] for _ in network.stages]
    for stage, number, _, cin, stride in walk(network):
        wide = cin * stage.expand
        layers: list[nn.Module] = []
        if wide != cin:
            layers.append(conv_norm((cin, wide, 1), eps, nn.SiLU()))
        layers.append(conv_norm((wide, wide, stage.kernel, stride, wide), eps, nn.SiLU()))
        layers.append(Gate(wide, squeeze_channels(cin, 0.25), nn.SiLU(), ("fc1", "fc2")))
        layers.append(conv_norm((wide, stage.channels, 1), eps, None))
        skip = stride == 1 and cin == stage.channels
        stages[number].append(Block(OrderedDict(block=nn.Sequential(*layers)), skip))
    stem = conv_norm((3, network.stem.channels, 3, 2), eps, nn.SiLU())
    head = conv_norm((network.stages[-1].channels, network.head, 1), eps, nn.SiLU())
    features = nn.Sequential(stem, *(nn.Sequential(*blocks) for blocks in stages), head)
    return Network(OrderedDict(features=features), torchvision_classifier(network, network.head))


def torchvision_mobilenet_v2(network: Architecture) -> Network:
    blocks: list[nn.Module] = []
    for stage, _, _, cin, stride in walk(network):
        wide = cin * stage.expand
        layers: list[nn.Module] = []
        if stage.expand != 1:
            layers.append(conv_norm((cin, wide, 1), 1e-5, nn.ReLU6()))
        layers.append(conv_norm((wide, wide, stage.kernel, stride, wide), 1e-5, nn.ReLU6()))
        layers += [conv(wide, stage.channels, 1), nn.BatchNorm2d(stage.channels)]
        skip = stride == 1 and cin == stage.channels
        blocks.append(Block(OrderedDict(conv=nn.Sequential(*layers)), skip))
    stem = conv_norm((3, network.stem.channels, 3, 2), 1e-5, nn.ReLU6())
    head = conv_norm((network.stages[-1].channels, network.head, 1), 1e-5, nn.ReLU6())
    features = nn.Sequential(stem, *blocks, head)
    return Network(OrderedDict(features=features), torchvision_classifier(network, network.head))


class VersionedNetwork(Network):
    """Refuses a state dict without a version, as torchvision's MNASNet does."""

    _version = 2

    def _load_from_state_dict(self, state, prefix, local_metadata, *rest) -> None:
        version = local_metadata.get("version", None)
        if version not in [1, 2]:
            raise ValueError(f"version should be 1 or 2, not {version}")
        super()._load_from_state_dict(state, prefix, local_metadata, *rest)


def torchvision_mnasnet(network: Architecture) -> Network:
    def layer(*shape: int) -> list[nn.Module]:
        return [conv(*shape), nn.BatchNorm2d(shape[1]), nn.ReLU()]

    stem, first = network.stem.channels, network.stages[0].channels
    layers = [*layer(3, stem, 3, 2), *layer(stem, stem, 3, 1, stem), *layer(stem, first, 1)[:-1]]
    stacks: list[list[nn.Module]] = [[] for _ in network.stages]
    for stage, number, _, cin, stride in walk(network):
        if number:
            wide = cin * stage.expand
            middle = layer(wide, wide, stage.kernel, stride, wide)
            inner = [*layer(cin, wide, 1), *middle, *layer(wide, stage.channels, 1)[:-1]]
            skip = stride == 1 and cin == stage.channels
            stacks[number].append(Block(OrderedDict(layers=nn.Sequential(*inner)), skip))
    layers += [nn.Sequential(*stack) for stack in stacks[1:]]
    layers += layer(network.stages[-1].channels, network.head, 1)
    parts = OrderedDict(layers=nn.Sequential(*layers))
    return VersionedNetwork(parts, torchvision_classifier(network, network.head))


class ResidualBlock(nn.Module):
    """conv1, bn1, ..., downsample; ReLU after each norm, the last one after the sum."""

    def __init__(self, shapes: list[tuple[int, ...]], shortcut: tuple[int, ...] | None):
        super().__init__()
        self.number = len(shapes)
        for index, shape in enumerate(shapes, start=1):
            self.add_module(f"conv{index}", conv(*shape))
            self.add_module(f"bn{index}", nn.BatchNorm2d(shape[1]))
        self.downsample = conv_norm(shortcut, 1e-5, None) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for index in range(1, self.number + 1):
            y = self.get_submodule(f"bn{index}")(self.get_submodule(f"conv{index}")(y))
            if index < self.number:
                y = y.relu()
        return (y + (self.downsample(x) if self.downsample else x)).relu()


def torchvision_resnet(network: Architecture) -> Network:
    stem = network.stem.channels
    parts: Layers = OrderedDict(conv1=conv(3, stem, 7, 2), bn1=nn.BatchNorm2d(stem))
    parts["relu"], parts["maxpool"] = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    stages: list[list[nn.Module]] = [[] for _ in network.stages]
    for stage, number, _, cin, stride in walk(network):
        planes, out = stage.channels, stage.out_channels
        shapes = [(cin, planes, 1), (planes, planes, 3, stride), (planes, out, 1)]
        if stage.block == "basic":
            shapes = [(cin, planes, 3, stride), (planes, planes, 3)]
        shortcut = (cin, out, 1, stride) if stride > 1 or cin != out else None
        stages[number].append(ResidualBlock(shapes, shortcut))
    for number, blocks in enumerate(stages, start=1):
        parts[f"layer{number}"] = nn.Sequential(*blocks)
    return Network(parts, ("fc", nn.Linear(network.stages[-1].out_channels, network.num_classes)))


def timm_efficientnet(network: Architecture, act: type[nn.Module]) -> Network:
    """timm's EfficientNet class, which is also its MobileNetV1, MobileNetV2 and MnasNet."""
    stem, last = network.stem.channels, network.stages[-1].channels
    stages: list[list[nn.Module]] = [[] for _ in network.stages]
    for stage, number, _, cin, stride in walk(network):
        stages[number].append(timm_block(stage, cin, stride, act))
    blocks = nn.Sequential(*(nn.Sequential(*stage) for stage in stages))
    parts: Layers = OrderedDict(conv_stem=conv(3, stem, 3, 2), bn1=nn.BatchNorm2d(stem))
    parts |= {"act1": act(), "blocks": blocks}
    if network.head:
        parts |= {"conv_head": conv(last, network.head, 1), "bn2": nn.BatchNorm2d(network.head)}
        parts["act2"] = act()
    features = network.head or last
    return Network(parts, ("classifier", nn.Linear(features, network.num_classes)))


class TensorFlowConv(nn.Conv2d):
    """Pads by as much as TensorFlow's `SAME` needs, more at the end."""

    def forward(self, x: Tensor) -> Tensor:
        edges: list[int] = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            needed = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            edges += [needed // 2, needed - needed // 2]
        padded = nn.functional.pad(x, edges)
        return nn.functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def as_tf(network: nn.Module, eps: float = 1e-3) -> nn.Module:
    """Return one of timm's networks as its tf_ variant: other padding, another epsilon."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.__class__ = TensorFlowConv
        elif isinstance(layer, nn.BatchNorm2d):
            layer.eps = eps
    return network


def timm_block(stage, cin: int, stride: int, act: type[nn.Module]) -> Block:
    """InvertedResidual where the block expands, else DepthwiseSeparableConv."""
    expand, se = getattr(stage, "expand", 1), getattr(stage, "se", 0)
    wide, cout, layers = cin * expand, stage.channels, OrderedDict()
    names = ("conv_dw", "bn1", "conv_pw", "bn2")
    if expand > 1:
        layers |= {"conv_pw": conv(cin, wide, 1), "bn1": nn.BatchNorm2d(wide), "act1": act()}
        names = ("conv_dw", "bn2", "conv_pwl", "bn3")
    layers[names[0]] = conv(wide, wide, stage.kernel, stride, wide)
    layers |= {names[1]: nn.BatchNorm2d(wide), "act2": act()}
    if se:
        gate = ("conv_reduce", "conv_expand")
        layers["se"] = Gate(wide, squeeze_channels(cin, se), act(), gate)
    layers |= {names[2]: conv(wide, cout, 1), names[3]: nn.BatchNorm2d(cout)}
    if getattr(stage, "activate", False):
        layers["act3"] = act()
    return Block(layers, stage.block == "mbconv" and stride == 1 and cin == cout)
