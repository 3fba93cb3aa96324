"""What a data format has to do: its files become records and faults.

Those that ship are `coco.py` and `kitti_mots.py`. Somebody's own is a class whose keyword arguments are the keys of the
study file's section `data`, without `format`: `format: {python: "module:Class"}`. A frozen dataclass is the shortest;
a ValueError in its `__post_init__` is shown to who wrote the study file. `detstudy.testing.DataFormatContract` is the
suite that every format passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from detstudy.data.faults import Progress, Report
from detstudy.data.records import Dataset


class DataFormat(Protocol):
    """A data set, as the section `data` of a study file names it."""

    def parse(self, report: Report, *, images: bool, masks: bool, progress: Progress) -> Dataset:
        """Return what is usable of the splits, in the order of ids, and report every fault; no image is decoded.

        Nothing is raised for what is wrong with the files. With `images` false no image has to be there. With `masks`
        false a format may leave out of annotations what does not count them: their class and whether they are crowds.
        """

    def list_sources(self) -> Iterable[Path]:
        """Return the files whose content makes the records, and the folders whose lists of files do."""
