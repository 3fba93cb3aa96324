"""Data sets of every format in one form of records; checks; ground truth; the fingerprint.

OpenCV and pycocotools are imported by the functions that need them, so that importing this package costs little more
than numpy.
"""

from detstudy.data.check import CheckResult, SplitCounts, check_dataset, check_path, count_objects
from detstudy.data.dataset import read_dataset
from detstudy.data.fingerprint import fingerprint_dataset
from detstudy.data.ground_truth import build_ground_truth
from detstudy.data.images import load_image
from detstudy.data.masks import decode_mask, decode_masks, encode_mask
from detstudy.data.records import Annotation, DataError, Dataset, Fault, ImageRecord, Rle

__all__ = [
    "Annotation",
    "CheckResult",
    "DataError",
    "Dataset",
    "Fault",
    "ImageRecord",
    "Rle",
    "SplitCounts",
    "build_ground_truth",
    "check_dataset",
    "check_path",
    "count_objects",
    "decode_mask",
    "decode_masks",
    "encode_mask",
    "fingerprint_dataset",
    "load_image",
    "read_dataset",
]
