"""Data sets as people have them, by the sentence that docs/reference/data.md has for each."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from compound.schemas.data import DataSpec
from tests.support.idx_files import IDX, idx_of
from tests.support.image_files import encoded, folder, parquet
from tests.support.pixel_inputs import PIXELS, pixels_of

KINDS = {".jpg": "JPEG", ".tif": "TIFF", ".gif": "GIF", ".ppm": "PPM"}
_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
KINDS |= dict.fromkeys((".nef", ".psd", ".fits", ".jxl", ".lsm"), "TIFF")
SPLITS = "train/cat:10 train/dog:10"

FOLDERS: dict[str, str] = {
    "`train/CLASS/` alone": SPLITS,
    "`train/` and `val/`": f"{SPLITS} val/cat:3 val/dog:3",
    "`train/` and `valid/`": f"{SPLITS} valid/cat:3 valid/dog:3",
    "`Training/` and `Dev/`": "Training/cat:10 Training/dog:10 Dev/cat:3 Dev/dog:3",
    "`train/`, `VALIDATION/` and `test/`": (
        f"{SPLITS} VALIDATION/cat:3 VALIDATION/dog:3 test/cat:2 test/dog:2"
    ),
    "`train/`, `val/` and `valid/`": f"{SPLITS} val/cat:3 valid/cat:3",
    "`test/` without `train/`": "test/cat:3 val/cat:3",
    "class folders without parts": "cat:10 dog:10",
    "class folders and `test/` without `train/`": "cat:10 dog:10 test/x:3",
    "`seg_train/` and `seg_test/`": "seg_train/cat:3 seg_test/cat:3",
    "`trainset/` and `testset/`": "trainset/cat:3 trainset/dog:3 testset/cat:3 testset/dog:3",
    "`TrainData/` and `TestData/`": "TrainData/cat:3 TestData/cat:3",
    "`tr/` and `va/` alone": "tr/cat:3 tr/dog:3 va/cat:3 va/dog:3",
    "`tr/` and `te/` among other classes": "tr:10 te:10 en:10",
    "the same folders in all class folders": "fold1/cat:5 fold1/dog:5 fold2/cat:5 fold2/dog:5",
    "folders in a class that is called like a part": "trainset/a:5 trainset/b:5 cat:10",
    "ten classes of one image": "".join(f"train/c{number}:1 " for number in range(10)),
    "a class of one image": "train/cat:18 train/dog:18 train/emu:1",
    "`val/` without a class of training": f"{SPLITS} train/emu:4 val/cat:3",
    "`test/` without a class of training": f"{SPLITS} test/cat:3",
    "one folder, `archive/`, with the parts in it": "archive/train/cat:3 archive/test/cat:3",
    "`CLASS/train/` and `CLASS/test/`": "cat/train:3 cat/test:3 dog/train:3 dog/test:3",
    "`train/train/CLASS/`": "train/train/cat:3 train/train/dog:3",
    "images in folders within a class": f"{SPLITS} train/cat/2024/may:4",
    "a link from a class folder to itself": f"{SPLITS} train/cat/again=>train/cat",
    "a link from a class folder to the folder of all classes": f"{SPLITS} train/cat/all=>train",
    "a link to the whole data set in place of a class folder": f"{SPLITS} train/all=>.",
    "a link to itself": f"{SPLITS} train/cat/loop=>train/cat/loop",
    "a link to another class folder's images": f"{SPLITS} train/emu=>train/dog",
    "a broken link": f"{SPLITS} train/cat/gone.png=>nowhere",
    "`val` as a link that leads nowhere": f"{SPLITS} val=>nowhere",
    "an empty class folder": f"{SPLITS} train/bird/",
    "a class folder with `.DS_Store` alone": f"{SPLITS} train/bird/.DS_Store=x",
    "a class folder with documents alone": f"{SPLITS} train/bird/a.txt=x",
    "`__MACOSX/` in `train/`": f"{SPLITS} train/__MACOSX/cat:2",
    "`.ipynb_checkpoints/` in a class": f"{SPLITS} train/cat/.ipynb_checkpoints:2",
    "`Thumbs.db` in a class": f"{SPLITS} train/cat/Thumbs.db=x",
    "captions beside the images": f"{SPLITS} train/cat/1.txt=x",
    "an image in no class folder": f"{SPLITS} train:1",
    "`README` and `labels.csv` beside `train/`": f"{SPLITS} README=x labels.csv=x",
    "another folder beside `train/`": f"{SPLITS} extra:4",
    "images without a suffix": "train/cat:10- train/dog:10",
    "TIFF, GIF and PPM": "train/cat:5.tif train/cat:5.gif train/dog:10.ppm",
    "photographs as JPEG and camera RAW": f"{SPLITS} train/cat:5.nef",
    "Photoshop, FITS and JPEG XL": (f"{SPLITS} train/cat:1.psd train/cat:1.fits train/cat:1.jxl"),
    "TIFF with the suffix of another format": f"{SPLITS} train/cat:5.lsm",
    "PNG with an unknown suffix": "train/cat:10.large train/dog:10",
    "an image of 0 bytes": f"{SPLITS} train/cat/e.png=",
    "an image of 0 bytes in `test/`": f"{SPLITS} test/cat:10 test/dog:11 test/cat/e.png=",
    "text that is called `.png`": f"{SPLITS} train/cat/e.png=text",
    "two of 22 images of 0 bytes": f"{SPLITS} train/cat/e.png= train/dog/e.png=",
    "a class in `val/` alone": f"{SPLITS} val/cat:3 val/emu:3",
    "a class in `test/` alone": f"{SPLITS} test/cat:3 test/emu:3",
    "`test/` without class folders": f"{SPLITS} test:5",
    "`val/` without class folders": f"{SPLITS} val:5",
    "`test/unknown/`": f"{SPLITS} test/unknown:5",
    "a class named in Latin-1 bytes": "train/caf\udce9:10 train/dog:10",
    "`Cat/` and `cat/`": "train/Cat:10 train/cat:10",
    "`train/cat/` and `val/Cat/`": f"{SPLITS} val/Cat:3 val/dog:3",
    "`Café/` as Linux writes it in `train/`, as macOS does in `val/`": (
        "train/Caf\u00e9:10 train/dog:10 val/Cafe\u0301:3 val/dog:3"
    ),
    "both in `train/`": "train/Caf\u00e9:10 train/Cafe\u0301:10 train/dog:10",
    "one class": "train/cat:10",
    "no folder": "",
}
"""`folder:N` holds N images, `file=text` has a text, `link=>target` is one, `folder/` is empty."""


def folder_of(root: Path, layout: str) -> DataSpec:
    """Write a layout, and return its spec; 5 % of the images may be bad."""
    root.mkdir()
    number = 0
    for word in layout.split():
        if "=>" in word:
            link, target = word.split("=>")
            (root / link).symlink_to(root / target)
        elif "=" in word:
            path, _, text = word.partition("=")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        else:
            place, _, count = word.partition(":")
            (root / place).mkdir(parents=True, exist_ok=True)
            digits = "".join(filter(str.isdigit, count))
            suffix = count[len(digits) :] or ".png"
            for _ in range(int(digits or 0)):
                number += 1
                data = encoded(number, kind=KINDS.get(suffix, "PNG"))
                (root / place / f"{number}{suffix.strip('-')}").write_bytes(data)
    return folder(str(root) if layout else f"{root}/none", max_bad=0.05)


FILES: dict[str, str] = {
    "one file": "a.parquet:20@0,1 | a.parquet",
    "a folder of files that name no part": "a.parquet:10@0,1 b.parquet:10@0,1 | .",
    "`train-*`, `validation-*` and `test-*` in one folder": (
        "train-0.parquet:10@0,1 train-1.parquet:10@0,1 validation-0.parquet:4@0,1 "
        "test-0.parquet:6@0,1 | ."
    ),
    "the same in `data/`": "data/train-0.parquet:10@0,1 data/test-0.parquet:6@0,1 | .",
    "`train/` and `test/` with files": "train/0.parquet:10@0,1 test/0.parquet:6@0,1 | .",
    "files in two folders of other names": "en/a.parquet:10@0,1 fr/a.parquet:10@0,1 | .",
    "`test-*` alone": "test-0.parquet:10@0,1 test-1.parquet:10@0,1 | .",
    "`train-*` beside a file that names no part": (
        "train-0.parquet:10@0,1 train-1.parquet:10@0,1 more.parquet:10@0,1 | ."
    ),
    "a file that names two parts": "train-test.parquet:10@0,1 train.parquet:10@0,1 | .",
    "a pattern of one part": "train-0.parquet:20@0,1 test-0.parquet:6@0,1 | train-*.parquet",
    "a pattern of all parts": "train-0.parquet:20@0,1 test-0.parquet:6@0,1 | *.parquet",
    "a pattern at any depth": "x/y/train-0.parquet:20@0,1 | **/*.parquet",
    "a pattern that matches nothing": "a.parquet:10@0,1 | b*.parquet",
    "`validation_path` in a folder of parts": (
        "train-0.parquet:20@0,1 validation-0.parquet:4@0,1 test-0.parquet:6@0,1 | . "
        "validation-0.parquet"
    ),
    "train and validation the same file": "a.parquet:20@0,1 | a.parquet a.parquet",
    "class names in another order": "a.parquet:20@{cat,dog} b.parquet:4@{dog,cat} | a.parquet \
b.parquet",
    "other class names": "a.parquet:20@{cat,dog} b.parquet:4@{cat,emu} | a.parquet b.parquet",
    "labels that are texts": "a.parquet:20@dog,cat | a.parquet",
    "labels that are categories": "a.parquet:20@<dog,cat> | a.parquet",
    "labels that are booleans": "a.parquet:20@true,false | a.parquet",
    "whole numbers with a decimal point": "a.parquet:20@0.0,1.0 | a.parquet",
    "measured values as labels": "a.parquet:20@0.5,1.7 | a.parquet",
    "a text that training does not have": "a.parquet:20@cat,dog b.parquet:4@cat,emu | a.parquet \
b.parquet",
    "a text that differs in case from one of training": (
        "a.parquet:20@cat,dog b.parquet:4@Cat,dog | a.parquet b.parquet"
    ),
    "`Café` in two ways of Unicode in two files": (
        "a.parquet:20@caf\u00e9,dog b.parquet:4@cafe\u0301,dog | a.parquet b.parquet"
    ),
    "both in one file": "a.parquet:20@caf\u00e9,cafe\u0301 | a.parquet",
    "texts in one file and numbers in another": "a.parquet:10@cat,dog b.parquet:10@0,1 | .",
    "missing labels": "a.parquet:20@0,null | a.parquet",
    "labels of -1": "a.parquet:20@-1,1 | a.parquet",
    "a test part with labels of -1 alone": "train-0.parquet:20@0,1 test-0.parquet:6@-1 | .",
    "numbers with gaps": "a.parquet:20@0,3 | a.parquet",
    "paths of images below the folder of the file": "a.parquet:20@0,1~text/img | a.parquet",
    "paths in a struct whose bytes are all missing": "a.parquet:20@0,1~struct/img | a.parquet",
    "paths below the folder of the data": "data/train-0.parquet:20@0,1~root/img | .",
    "paths of which one names no file": "a.parquet:40@0,1~text/img- | a.parquet",
    "paths that name no files": "a.parquet:20@0,1? | a.parquet",
    "paths that lead out of the data": "x/a.parquet:20@0,1~text/../img | x/a.parquet",
    "paths in one file of a part and images in another": (
        "a.parquet:10@0,1 b.parquet:10@0,1~text/img | ."
    ),
    "`TRAIN.PARQUET` and `Test.Parquet`": "TRAIN.PARQUET:20@0,1 Test.Parquet:6@0,1 | .",
    "one shard of two": "train-00000-of-00002.parquet:20@0,1 | .",
    "`trainset.parquet` and `testset.parquet`": (
        "trainset.parquet:20@0,1 testset.parquet:6@0,1 | ."
    ),
    "`split=train/` and `split=test/`": (
        "split=train/a.parquet:20@0,1 split=test/a.parquet:6@0,1 | ."
    ),
    "labels in the names of folders, `label=cat/`": (
        "label=cat/a.parquet:10@none label=dog/a.parquet:10@none | ."
    ),
    "a shard without rows beside one of texts": (
        "train-0.parquet:20@cat,dog train-1.parquet:0@cat | ."
    ),
    "two shards without rows": (
        "train-0.parquet:20@cat,dog train-1.parquet:0@cat train-2.parquet:0@cat | ."
    ),
    "training files without rows": "a.parquet:0@cat,dog | a.parquet",
    "a validation file without rows": "a.parquet:20@cat,dog b.parquet:0@cat | a.parquet b.parquet",
    "two columns of one name": "a.parquet:20@cat,dog+ | a.parquet",
    "numbers that no class can have": f"a.parquet:20@0,{2**63 + 1} | a.parquet",
    "a file whose name has brackets": "a[1].parquet:20@0,1 | a[1].parquet",
    "a file that is no Parquet": "a.parquet:0@0,1! | a.parquet",
}
"""`file:N@LABELS` has N rows, whose labels are these in turn; `{...}` are names of numbers, `<...>`
categories; `?` has paths of no files, `!` is text. `~text/F` has paths of files in the folder F
beside the file, `~struct/F` the same in a struct without bytes, `~root/F` in a folder of the root;
a `-` at the end: the first file is missing. `+`: two columns of labels, `none`: no such column.
After the bar: path, and validation_path."""


def files_of(root: Path, layout: str) -> DataSpec:
    """Write Parquet files, and return their spec."""
    words, _, paths = layout.partition(" | ")
    for number, word in enumerate(words.split()):
        name, _, rest = word.partition(":")
        rows, _, labels = rest.partition("@")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if labels.endswith("!"):
            (root / name).write_text("no Parquet")
        else:
            labels, _, files = labels.partition("~")
            table = _table(int(rows), labels, 100 * number)
            table = _with_files(table, root, (root / name).parent, files) if files else table
            pq.write_table(table, root / name)
    path, *held_out = (str(root / part) for part in paths.split())
    spec = parquet(path, max_bad=0.05)
    return spec.model_copy(update={"validation_path": held_out[0]}) if held_out else spec


def _with_files(table: pa.Table, root: Path, beside: Path, files: str) -> pa.Table:
    """Write the images of a table as files, and return it with their paths."""
    kind, _, folder = files.rstrip("-").partition("/")
    images = (root if kind == "root" else beside) / folder
    images.mkdir(parents=True, exist_ok=True)
    rows = table.column("image").to_pylist()
    for row in rows[1:] if files.endswith("-") else rows:
        (images / row["path"]).write_bytes(row["bytes"])
    paths = [f"{folder}/{row['path']}" for row in rows]
    column = pa.array(paths)
    if kind == "struct":
        column = pa.array([{"bytes": None, "path": path} for path in paths], _STRUCT)
    return table.set_column(0, "image", column)


def _table(rows: int, labels: str, first: int) -> pa.Table:
    names = labels.strip("?<>{}+").split(",")
    values = [json.loads(name) if _is_json(name) else name for name in names]
    values = list(range(len(names))) if labels.startswith("{") else values
    kind = pa.uint64() if 2**63 + 1 in values else None
    column = pa.array([values[row % len(values)] for row in range(rows)], kind)
    column = column.dictionary_encode() if labels.startswith("<") else column
    embedded = not labels.endswith("?")
    images = [
        {"bytes": encoded(first + row) if embedded else None, "path": f"{row}.png"}
        for row in range(rows)
    ]
    table = pa.table({"image": pa.array(images, _STRUCT), "label": column})
    if labels == "none":
        return table.drop_columns(["label"])
    if labels.endswith("+"):
        return pa.table([*table.columns, column], names=["image", "label", "label"])
    if not labels.startswith("{"):
        return table
    features = {"info": {"features": {"label": {"names": names}}}}
    return table.replace_schema_metadata({b"huggingface": json.dumps(features).encode()})


def _is_json(text: str) -> bool:
    return text in ("true", "false", "null") or text.lstrip("-")[:1].isdigit()


INPUTS = {
    **{row: (folder_of, layout) for row, layout in FOLDERS.items()},
    **{row: (files_of, layout) for row, layout in FILES.items()},
    **{row: (idx_of, layout) for row, layout in IDX.items()},
    **{row: (pixels_of, layout) for row, layout in PIXELS.items()},
}
"""By the first cell of a row: what writes the input, and its layout."""
