"""Files whose names are not UTF-8 are decoded by other machines too."""

import os

from compound.jobs.data.batches import Share
from tests.support.images_on_disk import folder_of
from tests.support.streamed_sources import InProcessDecoder, in_memory, same, source_of


def test_a_class_and_a_file_in_latin_1_are_streamed(tmp_path):
    spec = folder_of(tmp_path, train=16, held=4)
    root = os.fsencode(tmp_path)
    for part in (b"train", b"val"):
        os.rename(root + b"/" + part + b"/bee", root + b"/" + part + b"/ab\xe9ille")
    os.rename(root + b"/train/ant/000000.jpg", root + b"/train/ant/\xe9t\xe9.jpg")
    share = Share.of(4, 4, 0, 1)
    decoder = InProcessDecoder()
    whole = list(in_memory(spec).training(7, 1, share))
    assert same(whole, source_of(spec, decoder=decoder).training(7, 1, share))
    assert decoder.requested >= 16
