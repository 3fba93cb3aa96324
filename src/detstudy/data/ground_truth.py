"""A split as one COCO document, kept with the study so that its report works with the data set gone."""

from __future__ import annotations

from typing import Any

from detstudy.data.records import Dataset
from detstudy.study.setting import SplitName


def build_ground_truth(dataset: Dataset, split: SplitName) -> dict[str, Any]:
    """Return the split as COCO JSON data, the same for the same records.

    Images also have their `sequence`. Masks are compressed RLE with counts as text. A crowd that belongs to every
    class becomes one crowd of each category, the first under its own id, the others under ids past the largest.
    Raises KeyError for a split that the data set has not.
    """
    records = dataset.splits[split]
    fresh_id = max((note.id for record in records for note in record.annotations), default=0) + 1
    annotations = []
    for record in records:
        for note in record.annotations:
            indices = range(len(dataset.classes)) if note.class_index < 0 else [note.class_index]
            for position, index in enumerate(indices):
                annotation_id = note.id
                if position:
                    annotation_id, fresh_id = fresh_id, fresh_id + 1
                annotations.append(
                    {
                        "id": annotation_id,
                        "image_id": record.id,
                        "category_id": dataset.category_ids[index],
                        "bbox": list(note.box),
                        "area": note.area,
                        "iscrowd": int(note.crowd),
                        "segmentation": note.mask
                        and {
                            "size": [note.mask.height, note.mask.width],
                            "counts": note.mask.counts.decode("ascii"),
                        },
                    }
                )
    return {
        "images": [
            {
                "id": record.id,
                "file_name": record.name,
                "width": record.width,
                "height": record.height,
                "sequence": record.sequence,
            }
            for record in records
        ],
        "annotations": annotations,
        "categories": [
            {"id": category_id, "name": name}
            for category_id, name in zip(dataset.category_ids, dataset.classes, strict=True)
        ],
    }
