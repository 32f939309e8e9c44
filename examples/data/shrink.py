"""Makes the rows of Fashion-MNIST beside this file from the whole data set.

python examples/data/shrink.py /usr/share/datasets/fashion-mnist

It takes the first images of every class and the mean of every 2 x 2 pixels, so the same files give
the same images. A second argument is another folder to write them to.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent / "fashion-mnist"
ROWS = 500
"""Images of each class."""
CLASSES = 10


def read(path: Path, header: int) -> np.ndarray:
    """Return the values of an idx file behind its header, uint8."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)


def write(path: Path, values: np.ndarray) -> None:
    """Write uint8 values as an idx file without the time in it."""
    sizes = np.array(values.shape, dtype=">u4").tobytes()
    content = bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


def shrunk(images: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 pixels, rounded: (n, 28, 28) to (n, 14, 14)."""
    fours = images.reshape(-1, 14, 2, 14, 2).astype(np.uint16).sum(axis=(2, 4))
    return np.asarray((fours + 2) // 4, dtype=np.uint8)


def main(source: Path, out: Path = OUT) -> None:
    """Write the images and their labels."""
    images = read(source / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read(source / "train-labels-idx1-ubyte.gz", 8)
    first = [np.flatnonzero(labels == label)[:ROWS] for label in range(CLASSES)]
    chosen = np.sort(np.concatenate(first))
    out.mkdir(exist_ok=True)
    write(out / "train-images-idx3-ubyte.gz", shrunk(images[chosen]))
    write(out / "train-labels-idx1-ubyte.gz", labels[chosen])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
