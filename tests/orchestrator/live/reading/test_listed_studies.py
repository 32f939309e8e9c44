"""The list of a store's studies: read once, and again where they have changed."""

from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.listing.page_tables import studies_table
from compound.orchestrator.live.reading.listed_studies import read_rows
from compound.orchestrator.overview.study_list import study_list
from tests.support.page_stores import rehearsed

FEW = ("search.seeds=1", "search.design.step=0.1", "search.train.epochs=2")


def test_studies_are_read_again_where_they_changed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        uri = rehearsed(tmp_path, *FEW, f"name={name}")
    store = ArtifactStore.open(uri)
    first = read_rows(store, None)
    assert first.names == ["two", "one"] and not first.unread
    for name, row in zip(first.names, study_list(store, first.names), strict=True):
        assert first.rows[name]._replace(updated=None) == row._replace(updated=None)
    assert first.rows["one"].done == first.rows["one"].jobs > 5
    again = read_rows(store, first)
    assert again.rows["one"] is first.rows["one"] and again.revision == first.revision
    rehearsed(tmp_path, *FEW, "name=three")
    (Path(uri) / "studies" / "one" / "spec.json").write_bytes(b"damaged")
    later = read_rows(store, again)
    assert later.names == ["three", "one", "two"] or {*later.names} == {"one", "two", "three"}
    assert later.rows["two"] is first.rows["two"]
    assert later.rows["one"].state == "damaged" and later.revision != first.revision
    table = studies_table(later.names, later.rows)
    assert table["study"].to_pylist() == later.names
    assert (
        table["best_accuracy"][later.names.index("two")].as_py() == first.rows["two"].best_accuracy
    )


def test_what_is_not_read_yet_has_a_row(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path))
    assert not read_rows(store, None).names
    (row,) = studies_table(["new"], {}).to_pylist()
    assert (row["study"], row["state"], row["done"]) == ("new", "reading", None)
