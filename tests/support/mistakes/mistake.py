"""A mistake of a new user: what is written or typed, and what has to be said of it."""

from dataclasses import dataclass

SPEC = """\
kind: study
name: flowers
data: {source: synthetic, images: 64, validation_images: 32, size: 8, num_classes: 2}
baseline:
  resolution: 8
  stem: {channels: 4, stride: 1}
  stages:
    - {channels: 4, expand: 1, se: 0}
    - {channels: 8, expand: 2, stride: 2, se: 0}
  head: 16
rounding: {channels: 4}
search:
  design: {kind: lattice, degree: 1}
  budget: {multiple: 2.0, tolerance: 0.2}
  seeds: 2
  recipe_check: false
family: {phi: [1]}
train: {epochs: 2, batch: 16}
resources: {search: {gpus: 0}, family: {gpus: 0}}
"""
"""A study of seconds, without a mistake."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in a spec or on the command line, and the rubric's words for it."""

    title: str
    """What people did, in a few words."""
    old: str
    """A part of SPEC."""
    new: str
    """What stands there by mistake."""
    place: str
    """Where it has to be named: `line:column` of the spec, or a path or a word that was typed."""
    cause: str
    """Words that have to say why."""
    allowed: str
    """Words that have to say what would be right."""
    repair: tuple[str, str] | None = None
    """The edit of the spec that the text calls for; None: the printed edit or command is taken."""
    folder: str = ""
    """The name of a function in folders.py that makes what the spec names."""
    after: str = ""
    """The name of a function in folders.py that does what the next step says of the data."""
    typed: tuple[str, ...] = ()
    """The command line; by default `validate`, `plan` and `run` are typed, which say the same."""
    then: tuple[str, ...] = ()
    """What is typed next, where the printed command has a place for a name that people know."""
    encoding: str = "utf-8"
    """Of the spec."""
    code: int = 2
