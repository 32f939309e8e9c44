"""Requests for a tiny network: 128 images of 8 x 8, milliseconds an epoch."""

from collections.abc import Callable

from compound.schemas.job import JobRequest

MakeRequest = Callable[..., JobRequest]
