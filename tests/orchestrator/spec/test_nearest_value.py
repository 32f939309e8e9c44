"""What people mean by a wrong value, as far as it can be told."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from ruamel.yaml import YAML

from compound.orchestrator.spec.nearest_value import in_yaml, nearest
from compound.schemas.data import Fraction
from compound.schemas.promotion import Phi
from compound.schemas.recipe import Rate
from compound.schemas.spending import Hours
from compound.schemas.store_uri import StoreAddress
from compound.schemas.study import Name

Epochs = Annotated[int, Field(ge=1, le=100_000)]
UpToOne = Annotated[float, Field(gt=0, le=1)]


@pytest.mark.parametrize(
    ("value", "annotation", "key", "meant"),
    [
        (0, Epochs, "epochs", 1),
        (10**7, Epochs, "epochs", 100_000),
        (2.5, Epochs, "epochs", 2),
        ("1,000", Epochs, "epochs", 1000),
        ("10k", Epochs, "epochs", 10_000),
        ("30 epochs", Epochs, "epochs", 30),
        ([5], Epochs, "epochs", 5),
        ("many", Epochs, "epochs", None),
        (True, Epochs, "epochs", None),
        (20, Fraction, "validation", 0.2),
        ("20%", Fraction, "validation", 0.2),
        (0, Fraction, "validation", None),
        (1.2, Fraction, "validation", None),
        ("1.2", Fraction, "validation", None),
        (2, Fraction, "validation", 0.02),
        (-20, Fraction, "validation", 0.2),
        (1.2, UpToOne, "until", 1),
        (-16, Epochs, "channels", 16),
        (-0.1, Rate, "learning_rate", 0.1),
        (-25, Phi, "phi", -20),
        ("1e999", Epochs, "epochs", 100_000),
        ("2h30", Hours, "gpu_hours", 2.5),
        ("1:30", Hours, "gpu_hours", 1.5),
        ("90 min", Hours, "cpu_hours", 1.5),
        ("4h", Hours, "cpu_hours", 4),
        (3, tuple[Phi, ...], "phi", [3]),
        ("1,2,3", tuple[Phi, ...], "phi", [1, 2, 3]),
        ("1 2 3", tuple[Phi, ...], "phi", [1, 2, 3]),
        ("no", bool, "flip", False),
        ("Yes", bool, "flip", True),
        ("My Study!", Name, "name", "my-study"),
        ("s3:/bucket/runs", StoreAddress, "store", "s3://bucket/runs"),
        ("s3a://bucket/runs", StoreAddress, "store", "s3://bucket/runs"),
        ("s3:/AKIAABCDEFGHIJKLMNOP@bucket", StoreAddress, "store", None),
        ("Adam", Literal["sgd", "adamw"], "optimizer", "adamw"),
        (4, Literal[1, 3, 5], "kernel", 3),
        (1e6, Rate | Literal["auto"], "learning_rate", 100),
        ("Auto", Rate | Literal["auto"], "learning_rate", "auto"),
        (float("nan"), Rate, "learning_rate", None),
        (10**400, Epochs, "epochs", None),
    ],
)
def test_what_is_meant(value: Any, annotation: Any, key: str, meant: Any) -> None:
    assert nearest(value, annotation, key) == meant


@pytest.mark.parametrize(
    "value", [3, 0.5, True, "adamw", "yes", "a b", "1", "x: y", "s3://b/c", [1, "two"], "é\x1b"]
)
def test_values_are_written_as_yaml_reads_them(value: Any) -> None:
    text = in_yaml(value)
    assert text.isascii() and text.isprintable()
    assert YAML(typ="safe", pure=True).load(f"[{text}]") == [value]
