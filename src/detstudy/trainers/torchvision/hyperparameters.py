"""The hyperparameters of detstudy's own trainer, and which settings contradict themselves; no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen

from detstudy.study.hyperparameter import Hyperparameter, PositiveFloat, PositiveInt
from detstudy.study.setting import Setting
from detstudy.study.standard import STANDARD

LEVELS = {"mask_rcnn": 5, "compact": 3}
"""Feature levels with anchors, by detector."""

HYPERPARAMETERS = (
    Hyperparameter(
        name="name",
        type=Literal["mask_rcnn", "compact"],
        label="detector",
        section="model",
        slug={"compact": "compact"},  # of mask_rcnn the backbone says enough
    ),
    Hyperparameter(
        name="backbone",
        type=Literal["resnet18", "resnet34", "resnet50", "resnet101"] | None,
        default=None,
        documentation="needed by mask_rcnn only",
        section="model",
        slug="{}",
    ),
    Hyperparameter(
        name="weights",
        type=Annotated[str, MinLen(1)],
        default="none",
        documentation="coco, imagenet, none or the path of a state dict",
        section="model",
    ),
    Hyperparameter(
        name="frozen_stages",
        type=Annotated[int, Ge(0), Le(5)],
        default=0,
        documentation="of the backbone, from the stem: 0 none, 5 all",
        section="model",
    ),
    Hyperparameter(
        name="image_min_size",
        type=PositiveInt | None,
        default=800,
        documentation="pixels of the shorter side; null keeps the image's own size",
        unit="pixels",
        section="model",
    ),
    Hyperparameter(
        name="image_max_size",
        type=PositiveInt,
        default=1333,
        documentation="pixels the longer side may have; unused where image_min_size is null",
        unit="pixels",
        section="model",
    ),
    Hyperparameter(
        name="anchor_sizes",
        type=Annotated[tuple[Annotated[tuple[PositiveInt, ...], MinLen(1)], ...], MinLen(1)] | None,
        default=None,
        documentation="pixels, per level; null is the detector's own",
        unit="pixels",
        section="model",
    ),
    Hyperparameter(
        name="anchor_aspect_ratios",
        type=Annotated[tuple[PositiveFloat, ...], MinLen(1)] | None,
        default=None,
        documentation="height / width; null is the detector's own",
        section="model",
    ),
    *STANDARD,
)


def make_setting(**values: Any) -> Setting:
    """Return a setting of this trainer. Raises KeyError for unknown names and missing values."""
    return Setting(HYPERPARAMETERS, values)


def find_contradictions(setting: Setting) -> dict[str, str]:
    """Return what in a full setting contradicts itself: by key, a sentence each."""
    model, backbone, weights = setting["name"], setting["backbone"], setting["weights"]
    found: dict[str, str] = {}
    if model == "mask_rcnn" and backbone is None:
        found["backbone"] = "mask_rcnn needs one of resnet18, resnet34, resnet50, resnet101"
    if model == "compact":
        if backbone is not None:
            found["backbone"] = "the compact detector has its own; remove the key"
        if weights in ("coco", "imagenet"):
            found["weights"] = f"there are no {weights} weights for compact; none or a path is needed"
        if setting["frozen_stages"]:
            found["frozen_stages"] = "the compact detector freezes none; remove the key"
    elif weights == "coco" and backbone not in (None, "resnet50"):
        found["weights"] = f"coco weights exist for resnet50 only, not {backbone}; imagenet or none"
    elif weights == "none" and setting["frozen_stages"]:
        found["frozen_stages"] = "random weights would be frozen; 0 is needed where model.weights is none"
    sizes, levels = setting["anchor_sizes"], LEVELS[model]
    if sizes is not None and len(sizes) != levels:
        found["anchor_sizes"] = f"{len(sizes)} levels, but {model} has {levels}: give {levels} lists"
    elif sizes is not None and len({len(level) for level in sizes}) != 1:
        found["anchor_sizes"] = "the same number of sizes is needed on every level"
    micro, batch = setting["micro_batch_size"], setting["batch_size"]
    if micro is not None and micro > batch:
        found["micro_batch_size"] = f"{micro} is larger than batch_size {batch}"
    if setting["warmup_iterations"] > setting["iterations"]:
        found["warmup_iterations"] = f"{setting['warmup_iterations']} is more than iterations {setting['iterations']}"
    if list(setting["milestones"]) != sorted(set(setting["milestones"])):
        found["milestones"] = f"{list(setting['milestones'])}: rising fractions of the run are needed"
    jitter = setting["scale_jitter"]
    if jitter and jitter[0] > jitter[1]:
        found["scale_jitter"] = f"{list(jitter)}: the smaller scale comes first"
    return found
