"""The validation images that are kept for the report."""

from __future__ import annotations

from pathlib import Path

from detstudy.ledger.codec import read_record, write_record
from detstudy.ledger.files import sum_bytes, sum_file, write_atomically
from detstudy.ledger.records import GalleryImage, GalleryIndex, GalleryRow


def store_gallery(folder: Path, images: list[tuple[int, str, float, bytes]]) -> None:
    """Keep validation images for the report: (image id, name, scale, JPEG bytes) each."""
    rows = []
    for number, (image_id, name, scale, content) in enumerate(images):
        file = f"{number:02d}.jpg"
        write_atomically(folder / file, content)
        rows.append(GalleryRow(image_id=image_id, name=name, file=file, scale=scale, sum=sum_bytes(content)))
    write_record(folder / "index.json", GalleryIndex(images=tuple(rows)))


def read_gallery(folder: Path) -> list[GalleryImage]:
    """Return the kept validation images; [] where there are none. Damaged ones are left out."""
    index = read_record(folder / "index.json", GalleryIndex)
    return [
        GalleryImage(image_id=row.image_id, name=row.name, path=folder / row.file, scale=row.scale)
        for row in (index.images if index else ())
        if not (folder / row.file).is_symlink()  # which may lead to any picture of the machine
        and row.sum in (None, sum_file(folder / row.file))
    ]


def holds_gallery(folder: Path) -> bool:
    """Whether every image that was kept for the report is there, undamaged."""
    index = read_record(folder / "index.json", GalleryIndex)
    return index is not None and len(index.images) == len(read_gallery(folder))
