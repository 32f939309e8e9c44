"""Where an unknown key belongs: under another key, or beside another choice of the same union."""

from collections.abc import Iterable, Iterator, Sequence

from compound.orchestrator.spec.schema_paths import SchemaPath, all_paths, along
from compound.orchestrator.spec.yaml_source import Key

_MOST = 3


def other_home(loc: Sequence[Key]) -> str:
    """Return where the unknown key at a location of pydantic's belongs; "" for a key of nowhere."""
    key, (above, _) = str(loc[-1]), along(loc[:-1])
    homes = [path for path in all_paths() if path.keys[-1] == key]
    beside = [path for path in homes if path.keys[:-1] == above.keys]
    if beside:
        return _choice_that_has(key, beside, above.choices)
    below = [path for path in homes if len(path.keys) > 1]
    return _key_that_has(key, _of_own_kind(below, above), above)


def shortest_home(key: str) -> str:
    """Return the dotted path of a key, the shortest of several; "" for a key of nowhere."""
    homes = [path.keys for path in all_paths() if path.keys[-1] == key]
    shortest = min(homes, key=lambda keys: len(tuple(keys)), default=())
    return ".".join(map(str, shortest))


def _choice_that_has(key: str, homes: Sequence[SchemaPath], own: Sequence[str]) -> str:
    """Say which choice, instead of the one that the spec makes, has the key beside it."""
    kind = [home for home in homes if home.choices[:1] == own[:1]] or homes
    pairs = [next(_differing(home.choices, own), ("", "")) for home in kind]
    instead = _any_of(theirs for theirs, _ in pairs)
    chosen = next((ours for _, ours in pairs if ours), "")
    if not instead:
        return ""
    contrast = f", not with {chosen}" if chosen else ""
    return f"`{key}` goes with {instead}{contrast}: take it out, or choose {instead}"


def _differing(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[tuple[str, str]]:
    return (pair for pair in zip(theirs, ours, strict=False) if pair[0] != pair[1])


def _of_own_kind(homes: list[SchemaPath], above: SchemaPath) -> list[SchemaPath]:
    """Return the homes in specs of the same kind; without any, those in others."""
    return [home for home in homes if home.choices[:1] == above.choices[:1]] or homes


def _key_that_has(key: str, homes: Sequence[SchemaPath], above: SchemaPath) -> str:
    """Say under which other keys it is known, the shallowest ones."""
    least = min((len(home.keys) for home in homes), default=0)
    nearest = [home for home in homes if len(home.keys) == least]
    under = _any_of(f"`{'.'.join(map(str, home.keys[:-1]))}`" for home in nearest)
    if not under:
        return ""
    other_kind = nearest[0].choices[:1] != above.choices[:1]
    return f"`{key}` belongs under {under}" + (f" in {nearest[0].choices[0]}" if other_kind else "")


def _any_of(names: Iterable[str]) -> str:
    return " or ".join([name for name in dict.fromkeys(names) if name][:_MOST])
