"""How many GPUs a worker may be given."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

GPU_PARTS = 10_000
"""Ray counts a GPU in ten-thousandths (its fixed_point.h), and a worker takes some of them."""
MOST_GPUS = 16
_ALLOWED = f"0, a fraction from {1 / GPU_PARTS:g} up to 1, 2 to {MOST_GPUS}, or auto"


def _a_number(given: Any) -> Any:
    """Refuse what only looks like a number to Python, and misspelt words."""
    try:
        float(given)
    except (TypeError, ValueError):
        raise ValueError(f"{given!r} is none; allowed are {_ALLOWED}") from None
    if isinstance(given, bool):
        raise ValueError(f"{str(given).lower()} is none; allowed are {_ALLOWED}")
    return given


def _schedulable(gpus: float) -> float:
    """Refuse what no scheduler can give: a worker has a part of one GPU, or whole ones."""
    if gpus > 1 and not gpus.is_integer():
        raise ValueError(f"above 1 only whole numbers, not {gpus:g}; allowed are {_ALLOWED}")
    if 0 < gpus < 1 / GPU_PARTS:
        raise ValueError(f"{gpus:g} is too little to be counted; allowed are {_ALLOWED}")
    return gpus


_GPU_NUMBER, _GPU_AUTO = "number of GPUs", "auto"
"""What errors call the two ways to write `gpus`."""


def _gpus(given: Any) -> str:
    return _GPU_AUTO if given == "auto" else _GPU_NUMBER


Gpus = Annotated[
    Annotated[
        float,
        Field(ge=0, le=MOST_GPUS),
        AfterValidator(_schedulable),
        BeforeValidator(_a_number),
        Tag(_GPU_NUMBER),
    ]
    | Annotated[Literal["auto"], Tag(_GPU_AUTO)],
    Discriminator(_gpus),
]
