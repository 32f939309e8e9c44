"""How many GPUs a worker may have."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

GPU_PARTS = 10_000
"""Ray counts a GPU in ten-thousandths (its fixed_point.h), and a worker takes some of them."""
MOST_GPUS = 16
_ALLOWED = f"0, a fraction from {1 / GPU_PARTS:g} up to 1, 2 to {MOST_GPUS}, or auto"


def _a_number(gpus: Any) -> Any:
    """Refuse misspelt words, and booleans: to Python these are numbers."""
    try:
        float(gpus)
    except (TypeError, ValueError):
        raise ValueError(f"{gpus!r} is no number; allowed are {_ALLOWED}") from None
    except OverflowError:
        raise ValueError(f"too large; allowed are {_ALLOWED}") from None
    if isinstance(gpus, bool):
        raise ValueError(f"{str(gpus).lower()} is no number; allowed are {_ALLOWED}")
    return gpus


def _schedulable(gpus: float) -> float:
    """Refuse what Ray cannot schedule: a worker has a part of one GPU, or whole GPUs."""
    if gpus > 1 and not gpus.is_integer():
        raise ValueError(
            f"above 1 only whole numbers are possible, not {gpus:g}; allowed are {_ALLOWED}"
        )
    if 0 < gpus < 1 / GPU_PARTS:
        raise ValueError(f"{gpus:g} is too small; allowed are {_ALLOWED}")
    return gpus


_GPU_NUMBER, _GPU_AUTO = "number of GPUs", "auto"
"""Names of the two ways to write `gpus` in error messages."""


def _gpus(gpus: Any) -> str:
    return _GPU_AUTO if gpus == "auto" else _GPU_NUMBER


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
