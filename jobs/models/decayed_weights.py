"""Which weights training decays: those of convolutions and linear layers, by the layer's kind.

The module that owns a parameter decides. A convolution, linear, recurrent or attention layer of
torch, or a class made from one, owns weights; nothing else does. So norms, biases, position
embeddings, class tokens, layer scales, gains and tables stay as they are, whatever their shape. A
layer that the user wrote owns weights where it gives them to torch's function of a linear layer or
a convolution; meta_trace.py sees that, and `mark` remembers it.
"""

from collections.abc import Iterable, Iterator

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

_LAYERS = (_ConvNd, nn.Linear, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
_WHOLE = ("weight", "weight_v", "weight_orig")
"""Names of weights of any shape. torch's older weight_norm, spectral_norm and pruning rename it."""
_MARK = "_weights_by_use"


def decayed(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trained weights that decay, by name; a tied weight has its first name."""
    chosen = {id(weight) for layer in module.modules() for weight in _weights(layer)}
    named = module.named_parameters()
    return {name: weight for name, weight in named if id(weight) in chosen and weight.requires_grad}


def mark(module: nn.Module, names: Iterable[str]) -> None:
    """Remember parameters, by their names in the module, as weights of their owners."""
    for name in names:
        path, _, leaf = name.rpartition(".")
        owner = module.get_submodule(path)
        # On the owner and not on the parameter: fully_shard replaces the parameters.
        setattr(owner, _MARK, getattr(owner, _MARK, frozenset()) | {leaf})


def is_matrix(weight: Tensor) -> bool:
    """Whether more than one dimension counts: a gain (C, 1, 1) is a vector."""
    return sum(side > 1 for side in weight.shape) > 1


def _weights(layer: nn.Module) -> Iterator[Tensor]:
    """Yield a layer's own weights, and what a parametrisation makes them of."""
    marked: frozenset[str] = getattr(layer, _MARK, frozenset())
    is_layer = isinstance(layer, _LAYERS)
    for name, weight in layer.named_parameters(recurse=False):
        whole = name in _WHOLE or ("weight" in name and is_matrix(weight))
        if name in marked or (is_layer and whole):
            yield weight
    if is_layer and parametrize.is_parametrized(layer):
        yield from _parametrised(layer)


def _parametrised(layer: nn.Module) -> Iterator[Tensor]:
    """Yield the originals of a parametrised weight, but for gains such as weight_norm's."""
    lists = layer.parametrizations
    assert isinstance(lists, nn.ModuleDict)
    for name, originals in lists.items():
        own = list(originals.parameters(recurse=False))
        if "weight" in name:
            yield from (weight for weight in own if len(own) == 1 or is_matrix(weight))
