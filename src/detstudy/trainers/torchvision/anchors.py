"""Which anchors a detector gets: the setting's or its own."""

from __future__ import annotations

from detstudy.study.setting import Setting

Sizes = tuple[tuple[int, ...], ...]


def choose_anchors(setting: Setting, sizes: Sizes, ratios: tuple[float, ...]) -> tuple[Sizes, tuple[float, ...]]:
    """Return the setting's anchor sizes (pixels, per level) and aspect ratios, or the detector's own, given here."""
    return setting["anchor_sizes"] or sizes, setting["anchor_aspect_ratios"] or ratios
