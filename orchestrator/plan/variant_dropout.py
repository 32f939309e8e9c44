"""The dropout that `recipe: paper` gives to a named variant: that of its released code."""

from collections.abc import Iterator

from compound.jobs.networks.efficientnet import VARIANTS
from compound.schemas.baseline import NamedBaseline
from compound.schemas.recipe import PRESETS, Recipe
from compound.schemas.study import AnySpec


def of_variant(recipe: Recipe, spec: AnySpec) -> Recipe:
    """Return the recipe with the dropout of the spec's EfficientNet, from which it grows with phi.

    A dropout that the spec sets itself is left alone.
    """
    baseline, preset = spec.baseline, PRESETS["paper"]
    ours = (recipe.recipe, recipe.dropout, recipe.dropout_phi7)
    if ours != ("paper", preset["dropout"], preset["dropout_phi7"]):
        return recipe
    if not isinstance(baseline, NamedBaseline) or baseline.name not in VARIANTS:
        return recipe
    return recipe.model_copy(update={"dropout": VARIANTS[baseline.name].dropout})


def variant_note(spec: AnySpec) -> Iterator[str]:
    """Say which dropout a variant brings, where it is another than the recipe's own."""
    recipe = of_variant(spec.train, spec)
    if recipe != spec.train and isinstance(spec.baseline, NamedBaseline):
        yield (
            f"recipe: paper trains {spec.baseline.name} with its released dropout "
            f"{recipe.dropout:g}, not B0's {spec.train.dropout:g}"
        )
