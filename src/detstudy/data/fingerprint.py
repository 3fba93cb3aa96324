"""What a data set is, as one hash: part of a run's identity."""

from __future__ import annotations

import hashlib

from detstudy.data.records import Dataset

VERSION = "detstudy data 1"  # changes when the same data set shall get another hash


def fingerprint_dataset(dataset: Dataset) -> str:
    """Return the SHA-256 (64 hex digits) of classes, image ids, names and sizes, and annotations, split by split.

    The root's path, file times, pixels and the naming of sequences play no part: none of them changes what a run
    learns from the same records.
    """
    digest = hashlib.sha256()

    def add(*values: object) -> None:
        # repr of ints, floats, text and bytes is exact and the same everywhere; the line end keeps entries apart.
        digest.update(repr(values).encode())
        digest.update(b"\n")

    add(VERSION, dataset.classes, dataset.category_ids)
    for split in sorted(dataset.splits):
        add("split", split, len(dataset.splits[split]))
        for record in dataset.splits[split]:
            add("image", record.id, record.name, record.width, record.height, len(record.annotations))
            for note in record.annotations:
                mask = (note.mask.height, note.mask.width, note.mask.counts) if note.mask else ()
                add(note.id, note.class_index, note.box, note.area, note.crowd, *mask)
    return digest.hexdigest()
