"""Folders of images as strangers leave them: odd names, broken files, links, pipes."""

import os
from pathlib import Path
from random import Random

from tests.support.image_files import encoded

SPLITS = ("train", "val", "valid", "test", "Train", "images", ".hidden", "__MACOSX")
NAMES = (
    *(b"ant", b"bee", b"no", b"0", b"with space", b"caf\xe9", "日本".encode(), b"a\nb"),
    *(b"\x1b[31mred", "e\u0301".encode(), "\u202eltr".encode(), b"-rf", b"$HOME", b"~"),
    *(b"x" * 200, b".hidden", b"#"),
)
SUFFIXES = (b".png", b".png", b".png", b".JPG", b".gif", b".txt", b"", b".tif", b".json")
GOOD = tuple(encoded(seed, size) for seed, size in ((0, 8), (1, 8), (2, 12)))
GREY = encoded(3, 8, "L")
BROKEN = (GOOD[0][:40], b"", b"not an image", b"GIF89a\x01", b"\xff\xd8")
CONTENTS = (*5 * GOOD, GREY, *BROKEN)


def random_folder(root: Path, seed: int) -> Path:
    """Make a folder below `root`; return it."""
    random = Random(seed)
    top = root / f"data-{seed}"
    top.mkdir()
    splits = random.sample(SPLITS, random.randrange(4)) if random.random() < 0.3 else ["train"]
    for split in splits:
        for name in [*random.sample(NAMES, random.randrange(3)), b"ant", b"bee"]:
            _class_folder(os.fsencode(top / split) + b"/" + name, random)
    return top


def _class_folder(path: bytes, random: Random) -> None:
    os.makedirs(path, exist_ok=True)
    for number in range(random.choice([0, 6, 10, 20])):
        name = b"%d%s" % (number, random.choice(SUFFIXES))
        name = random.choice(NAMES) + name if random.random() < 0.02 else name
        _file(path + b"/" + name, random)


def _file(path: bytes, random: Random) -> None:
    kind = random.randrange(200)
    if os.path.lexists(path):
        return
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        os.symlink(b"/no/such/file", path)
    elif kind == 2:
        os.symlink(path, path)
    elif kind == 3:
        os.makedirs(path)
    else:
        with open(path, "wb") as file:
            file.write(random.choice(CONTENTS))
