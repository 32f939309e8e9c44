"""The tables of blocks and families are complete: a new one is refused until it has its rows."""

from typing import Any, ClassVar, Literal, get_args

from compound.jobs.models.builders import BUILDERS
from compound.jobs.models.numerics import NUMERICS
from compound.jobs.networks.amoebanet_cells import CELLS
from compound.jobs.networks.block_counts import COUNTERS
from compound.jobs.networks.families import FAMILIES
from compound.schemas.architecture import BlockFamily
from compound.schemas.base import Model
from compound.schemas.stages import AnyStage, Stage

FACTS = ("activated", "layers", "out_channels", "preactivated", "reads_two", "repeatable")
TABLES: dict[str, dict[str, Any]] = {
    "COUNTERS in jobs/networks/block_counts.py": COUNTERS,
    "BUILDERS in jobs/models/builders.py": BUILDERS,
}


def stage_classes() -> list[type[Model]]:
    """Return the members of the schema's union of stages."""
    union = get_args(AnyStage)[0]
    return [get_args(member)[0] for member in get_args(union)]


def missing(stage: type[Model]) -> list[str]:
    """Return what a stage class still needs, in sentences."""
    block = get_args(stage.model_fields["block"].annotation)[0]
    facts = [fact for fact in FACTS if not hasattr(stage, fact)]
    tables = [table for table, rows in TABLES.items() if block not in rows]
    return [
        *(f"{stage.__name__} does not state `{fact}`" for fact in facts),
        *(f"block '{block}' of {stage.__name__} has no row in {table}" for table in tables),
    ]


def test_every_block_states_its_facts_and_has_a_counter_and_a_builder() -> None:
    lacking = [sentence for stage in stage_classes() for sentence in missing(stage)]
    assert not lacking, "\n".join(lacking)


def test_no_table_has_a_row_without_a_block() -> None:
    blocks = {get_args(stage.model_fields["block"].annotation)[0] for stage in stage_classes()}
    for table, rows in TABLES.items():
        assert set(rows) == blocks, table
    assert set(CELLS) < blocks


def test_a_new_block_is_told_which_rows_it_needs() -> None:
    class ShuffleStage(Model):
        activated: ClassVar[bool] = True
        preactivated: ClassVar[bool] = False
        reads_two: ClassVar[bool] = False
        layers: ClassVar[tuple[str, ...]] = ("depthwise",)
        block: Literal["shuffle"]
        channels: int

    assert missing(ShuffleStage) == [
        "ShuffleStage does not state `out_channels`",
        "ShuffleStage does not state `repeatable`",
        "block 'shuffle' of ShuffleStage has no row in COUNTERS in jobs/networks/block_counts.py",
        "block 'shuffle' of ShuffleStage has no row in BUILDERS in jobs/models/builders.py",
    ]


def test_every_family_has_its_row() -> None:
    assert set(FAMILIES) == set(NUMERICS) == set(get_args(BlockFamily))


def test_facts_are_in_no_json() -> None:
    assert not set(FACTS) & set(Stage(channels=8).model_dump())
