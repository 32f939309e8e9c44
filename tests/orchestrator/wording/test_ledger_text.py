"""The short form of a ledger says what was compared, and what was not looked for."""

import pytest

from compound.jobs.data.source import inspect, summarise
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.schemas.data import DigitsData, SyntheticData
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet

NOT_LOOKED = "duplicates: not looked for yet"


def test_of_parquet_a_plan_says_that_nothing_was_compared_and_what_compares(tmp_path):
    images = [encoded(number) for number in range(10)]
    for name, few in (("train", images), ("validation", images[:6]), ("test", images[4:])):
        write_parquet(tmp_path / f"{name}-0.parquet", few, [0, 1] * (len(few) // 2))
    spec = parquet(str(tmp_path))
    (line,) = [line for line in ledger_lines(summarise(spec)) if line.startswith("duplicates")]
    assert line.startswith(NOT_LOOKED) and "compound data SPEC" in line
    lines = ledger_lines(inspect(spec))
    assert not any(NOT_LOOKED in line for line in lines)
    assert any("6 of 6 validation images are also in the train part" in line for line in lines)


@pytest.mark.parametrize("source", ["folder", "digits", "synthetic"])
def test_nothing_is_said_of_images_that_were_compared_or_made(tmp_path, source):
    specs = {
        "folder": folder(write_folder(tmp_path)),
        "digits": DigitsData(source="digits", limit=100),
        "synthetic": SyntheticData(source="synthetic", limit=100),
    }
    assert not any("duplicates: not" in line for line in ledger_lines(summarise(specs[source])))
