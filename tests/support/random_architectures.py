"""Strategies of hypothesis that draw baselines."""

from hypothesis import strategies as st

from compound.schemas.architecture import Architecture
from compound.schemas.stages import Stage, Stem

MULTIPLIERS = st.floats(1, 4, allow_nan=False)
STAGES = st.builds(
    Stage,
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.sampled_from([1, 2]),
    expand=st.integers(1, 6),
    repeats=st.integers(1, 5),
    channels=st.integers(1, 64),
    se=st.sampled_from([0.0, 0.25, 0.5]),
)
ARCHITECTURES = st.builds(
    Architecture,
    resolution=st.integers(16, 64),
    in_channels=st.integers(1, 4),
    num_classes=st.integers(1, 20),
    stem=st.builds(
        Stem,
        channels=st.integers(1, 48),
        kernel=st.sampled_from([1, 3, 5]),
        stride=st.sampled_from([1, 2]),
    ),
    stages=st.lists(STAGES, min_size=1, max_size=4).map(tuple),
    head=st.integers(1, 100),
)
