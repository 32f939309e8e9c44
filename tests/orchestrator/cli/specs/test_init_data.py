"""`compound init` on data as people have them: a spec that runs, or what to do instead."""

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from compound.orchestrator.cli.specs.outlook import Outlook, probe_once
from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.first_spec.first_network import ladder
from compound.orchestrator.first_spec.study_size import Available, smallest
from compound.orchestrator.spec.load import load
from compound.schemas.data import DataInfo, ImageFolderData, ParquetData
from compound.schemas.study import StudySpec
from tests.support.command import compound
from tests.support.idx_files import idx_of
from tests.support.picture_folders import classes_below, parquet_at


def fitted(folder: Path, *words: str) -> tuple[StudySpec, str]:
    """Return the spec that `init` writes without a probe, and what it prints."""
    done = compound("init", *words, "--no-probe", cwd=folder)
    assert done.returncode == 0, done.stderr
    spec = load(folder / "study.yaml").spec
    assert isinstance(spec, StudySpec)
    return spec, done.stdout


def refused(folder: Path, *words: str) -> str:
    """Return the error of an `init` that writes nothing."""
    done = compound("init", *words, "--no-probe", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert not (folder / "study.yaml").exists()
    return done.stderr


def test_a_folder_of_photographs_becomes_a_study_that_can_be_planned(tmp_path: Path) -> None:
    photos = classes_below(tmp_path / "My Photos!", images=40)
    for number in range(5):
        (photos / "cat" / f"note{number}.txt").write_text("x")
    (photos / "dog" / "broken.png").write_text("no image")
    (photos / "dog" / "broken2.png").write_text("no image")
    spec, printed = fitted(tmp_path, "--images", str(photos))
    assert spec.name == "my-photos"
    assert isinstance(spec.data, ImageFolderData) and spec.data.channels == 3
    assert spec.data.validation == 0.3 and spec.data.max_bad == 0.02
    assert spec.train.learning_rate == "auto" and spec.train.augment.flip
    assert "5 not an image (.txt)" in printed and "cannot be decoded" in printed
    assert re.search(r"can show: differences of about \d+\.\d points", printed)
    assert re.search(r"a larger study: .*--minutes 120 --force", printed)
    assert printed.splitlines()[-1] == "next: compound run study.yaml"
    planned = compound("plan", "study.yaml", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    rehearsed = compound(
        "run", "study.yaml", "--fast-dev-run", "--runner", "local", "--no-report", cwd=tmp_path
    )
    assert rehearsed.returncode == 0, rehearsed.stderr


def test_a_machine_that_cannot_be_timed_is_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    available = Available(ladder(32), 200, 60)
    data = ImageFolderData(source="image_folder", path="photos")
    draft = Draft("x", data, available, smallest(available), True, store=str(tmp_path / "runs"))
    info = DataInfo(
        fingerprint="0", classes=("a", "b"), in_channels=3, size=32, train=200, validation=60
    )
    probe_once(Outlook(draft, info), seconds=0.01)
    assert "warning: this machine is not measured: only" in capsys.readouterr().err


def test_a_file_stays_unless_it_is_forced(tmp_path: Path) -> None:
    classes_below(tmp_path / "photos", images=30)
    (tmp_path / "study.yaml").write_text("mine")
    done = compound("init", "--images", "photos", "--no-probe", cwd=tmp_path)
    assert done.returncode == 2 and (tmp_path / "study.yaml").read_text() == "mine"
    assert "next: compound init another-name.yaml --images photos" in done.stderr
    fitted(tmp_path, "--images", "photos", "--force")


def test_a_folder_that_is_missing_is_said_before_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").touch()
    ran = compound("init", "--images", "phot", cwd=tmp_path)
    assert ran.returncode == 2 and "phot: no such folder" in ran.stderr


def test_parts_that_are_there_are_taken(tmp_path: Path) -> None:
    for first, (part, images) in enumerate({"train": 40, "val": 12, "test": 9}.items()):
        classes_below(tmp_path / "data" / part, ("0", "1"), images, first=10_000 * first)
    spec, printed = fitted(tmp_path, "--images", "data", "--minutes", "2")
    text = (tmp_path / "study.yaml").read_text()
    assert "validation:" not in text and "test:" not in text
    assert not spec.train.augment.flip
    assert "test: 18 found" in printed and "no test part" not in printed


def test_a_folder_that_holds_one_folder_is_looked_into(tmp_path: Path) -> None:
    classes_below(tmp_path / "unpacked" / "archive" / "images")
    spec, printed = fitted(tmp_path, "--images", "unpacked")
    assert isinstance(spec.data, ImageFolderData)
    assert spec.data.path == "unpacked/archive/images"
    assert "guessed: unpacked holds only archive/images/: taken" in printed


def test_columns_and_parts_of_parquet_are_guessed(tmp_path: Path) -> None:
    parquet_at(tmp_path / "set" / "train.parquet", image="photo", label="species")
    parquet_at(tmp_path / "set" / "validation.parquet", 30, "photo", "species", first=5000)
    spec, printed = fitted(tmp_path, "--parquet", "set/train.parquet")
    assert isinstance(spec.data, ParquetData)
    columns = (spec.data.image_column, spec.data.label_column, spec.data.path)
    assert columns == ("photo", "species", "set")
    assert "labels are taken from the column `species`" in printed
    assert "the folder is taken: 1 of train, 1 of validation" in printed
    comment = YAML().load(tmp_path / "study.yaml")
    assert "validation" not in comment["data"]


def test_files_of_mnist_are_fitted(tmp_path: Path) -> None:
    idx_of(tmp_path / "digits", "train:400=14x14 t10k:60=14x14")
    spec, printed = fitted(tmp_path, "--idx", "digits")
    assert spec.data.source == "idx" and not spec.train.augment.flip
    assert "test: 60 found" in printed


REFUSED = {
    "nothing": (["--images", "nothing"], "no such folder", "ls ."),
    "phto": (["--images", "phto"], "no such folder", "compound init --images photo"),
    "empty": (["--images", "empty"], "the folder is empty", "--images FOLDER"),
    "flat": (["--images", "flat"], "no class folders: 30 images", "mkdir flat/cat"),
    "one": (["--images", "one"], "only one class: all images lie in cat", "--images FOLDER"),
    "three": (["--images", "three"], "9 images of 3 classes, 3 of each", "add images"),
    "years": (["--images", "years"], "all hold cat, dog", "--images years/2021"),
    "zip": (["--images", "a b.zip"], "an archive", "unzip 'a b.zip' -d 'a b'"),
    "csv": (["--images", "labels.csv"], "a table, not images", "a folder for each class"),
    "csv as Parquet": (["--parquet", "labels.csv"], "a table, not images", "Parquet"),
    "Parquet as images": (["--images", "a.parquet"], "a Parquet file", "--parquet a.parquet"),
    "no Parquet": (["--parquet", "b.parquet"], "no such file", "--parquet a.parquet"),
    "measured": (["--parquet", "measured.parquet"], "not whole", "--label-column"),
    "no labels": (["--parquet", "bare.parquet"], "no column looks like labels", "--label-column"),
    "two labels": (["--parquet", "two.parquet"], "2 columns may be the labels", "--label-column"),
    "mnist": (["--images", "mnist"], "files in MNIST's format", "--idx mnist"),
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that is no data set."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    top = tmp_path_factory.mktemp("strange")
    (top / "empty").mkdir()
    classes_below(top / "photo", images=30)
    classes_below(top / "one", ("cat",), 30)
    classes_below(top / "three", images=3)
    for year in ("2021", "2022"):
        classes_below(top / "years" / year, ("cat", "dog"), 20)
    shutil.copytree(top / "one" / "cat", top / "flat")
    (top / "a b.zip").write_text("x")
    (top / "labels.csv").write_text("file,label\n")
    idx_of(top / "mnist", "train:40 t10k:10")
    table = pq.read_table(parquet_at(top / "a.parquet"))
    bare, whole = table.drop_columns(["label"]), pa.array(range(90))
    pq.write_table(bare.append_column("label", pa.array([0.5] * 90)), top / "measured.parquet")
    pq.write_table(bare, top / "bare.parquet")
    two = bare.append_column("colour", whole).append_column("shape", whole)
    pq.write_table(two, top / "two.parquet")
    return top


@pytest.mark.parametrize(("words", "problem", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_data_set_is_refused_with_what_to_do(
    strange: Path, words: list[str], problem: str, remedy: str
) -> None:
    error = refused(strange, *words)
    assert problem in error and remedy in error
    assert "`path`" not in error and "data." not in error


def test_options_that_mean_nothing_together_are_refused(tmp_path: Path) -> None:
    for words, problem in (
        (("--images", "a", "--parquet", "b"), "--images and --parquet exclude each other"),
        (("--minutes", "5"), "--minutes has no effect"),
        (("--images", "a", "--label-column", "b"), "--label-column has no effect"),
        (("--images", "a", "--minutes", "5", "--hours", "1"), "exclude each other"),
        (("--example", "digits", "--store", "s"), "--store has no effect"),
    ):
        done = compound("init", *words, cwd=tmp_path)
        assert done.returncode == 2 and problem in done.stderr, words


def test_names_of_any_letters_stay_in_their_line(tmp_path: Path) -> None:
    photos = classes_below(
        tmp_path / "my\nphotos: #1", ("a\x1b[31m", "b # x: y", "c\nd", "é'\""), 30
    )
    spec, printed = fitted(tmp_path, "--images", str(photos))
    assert isinstance(spec.data, ImageFolderData) and spec.data.path == str(photos)
    assert spec.name == "my-photos-1"
    text = (tmp_path / "study.yaml").read_text()
    assert "\x1b" not in text + printed
    assert all(re.match(r" |# |[a-z]+:", line) for line in text.splitlines())
