"""Which anchors a detector gets: the setting's or its own."""

from __future__ import annotations

from detstudy.study.setting import Setting
from detstudy.trainers.contract import RefusedError

Sizes = tuple[tuple[int, ...], ...]


def choose_anchors(setting: Setting, sizes: Sizes, ratios: tuple[float, ...]) -> tuple[Sizes, tuple[float, ...]]:
    """Return the setting's anchor sizes (pixels, per level) and aspect ratios, or the detector's own, given here.

    Raises RefusedError where the setting's sizes have not as many levels as the detector, or not as many on each level
    (one head is slid over all of them).
    """
    chosen = setting["anchor_sizes"] if setting["anchor_sizes"] is not None else sizes
    if len(chosen) != len(sizes):
        raise RefusedError(
            f"model.anchor_sizes has {len(chosen)} levels, but {setting['name']} has {len(sizes)}: "
            f"give {len(sizes)} lists"
        )
    if not chosen[0] or len({len(level) for level in chosen}) != 1:
        raise RefusedError("model.anchor_sizes must have the same number of sizes, at least one, on every level")
    chosen_ratios = setting["anchor_aspect_ratios"] if setting["anchor_aspect_ratios"] is not None else ratios
    if not chosen_ratios:
        raise RefusedError("model.anchor_aspect_ratios is empty: give at least one height / width")
    return chosen, chosen_ratios
