"""What a run is: frozen facts about data, model, training and evaluation, importable by every package (no torch).

A field of `ModelSetting`, `TrainingSetting` or `EvaluationSetting` can be a factor of a study. Its annotation is its
validation rule (`spec.py` applies it) and its comment is its documentation. Field names are unique over the three.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, IsFinite, Le, Lt, MinLen

LARGEST = 10**12  # of whole numbers: beyond all that is trained, and exact as a float

PositiveInt = Annotated[int, Gt(0), Le(LARGEST)]
Count = Annotated[int, Ge(0), Le(LARGEST)]
PositiveFloat = Annotated[float, Gt(0), IsFinite]
NonNegativeFloat = Annotated[float, Ge(0), IsFinite]
Fraction = Annotated[float, Ge(0), Le(1)]
OpenFraction = Annotated[float, Gt(0), Lt(1)]
AnchorSizes = Annotated[tuple[Annotated[tuple[PositiveInt, ...], MinLen(1)], ...], MinLen(1)]
AspectRatios = Annotated[tuple[PositiveFloat, ...], MinLen(1)]

Outcome = Literal["finished", "out_of_memory", "diverged", "timed_out", "crashed", "stopped_early", "interrupted"]
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSplit:
    """One split of a COCO data set; both paths are absolute or relative to the data's root."""

    annotations: str
    images: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoData:
    """A data set in COCO JSON."""

    format: Literal["coco"] = "coco"
    root: str
    train: CocoSplit
    validation: CocoSplit
    test: CocoSplit | None = None
    sequence_field: str | None = None  # an image's key that names its sequence
    sequence_pattern: str | None = None  # regular expression on file names; its first group names the sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class KittiMotsData:
    """A data set in KITTI-MOTS's layout; splits are lists of sequences.

    Where neither train nor validation is listed it is the official split; where one is, the rest makes the other.
    """

    format: Literal["kitti_mots"] = "kitti_mots"
    root: str
    train: tuple[Count, ...] | None = None
    validation: tuple[Count, ...] | None = None
    test: tuple[Count, ...] | None = None


DataSetting = CocoData | KittiMotsData


def compile_sequence_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression. Raises re.error for what is none, and for what is beyond its compiler."""
    try:
        return re.compile(pattern)
    except (OverflowError, ValueError, RecursionError) as error:
        raise re.error(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSetting:
    """The detector: its parts, its starting weights, the size of its input and its anchors."""

    name: Literal["mask_rcnn", "compact"]
    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101"] | None = None  # needed by mask_rcnn only
    weights: Annotated[str, MinLen(1)] = "none"  # coco, imagenet, none or the path of a state dict
    frozen_stages: Annotated[int, Ge(0), Le(5)] = 0  # of the backbone, from the stem: 0 none, 5 all
    image_min_size: PositiveInt | None = 800  # pixels of the shorter side; None keeps the image's own size
    image_max_size: PositiveInt = 1333  # pixels the longer side may have; unused where image_min_size is None
    anchor_sizes: AnchorSizes | None = None  # pixels, per level; None is the detector's own
    anchor_aspect_ratios: AspectRatios | None = None  # height / width; None is the detector's own


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetting:
    """What determines the weights, the model and the data apart."""

    learning_rate: PositiveFloat
    batch_size: PositiveInt  # images an optimizer step
    iterations: PositiveInt  # optimizer steps
    micro_batch_size: PositiveInt | None = None  # images a forward pass; None is the whole batch
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: Fraction = 0.9  # of sgd
    weight_decay: NonNegativeFloat = 0.0001  # of convolution and linear weights; norms and biases have none
    schedule: Literal["warmup_multistep", "warmup_cosine", "constant"] = "warmup_multistep"
    milestones: tuple[OpenFraction, ...] = (0.7, 0.9)  # fractions of the iterations, of warmup_multistep
    milestone_factor: PositiveFloat = 0.1  # the learning rate is multiplied by it at each milestone
    warmup_iterations: Count = 0
    warmup_factor: Fraction = 0.001  # multiplier at iteration 0
    gradient_clip_norm: PositiveFloat | None = None  # largest L2 norm of all gradients together; None clips nothing
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # bf16 and fp16 are autocast, on CUDA
    rpn_pre_nms_top_n_train: PositiveInt = 2000  # per feature level and image, before NMS
    rpn_post_nms_top_n_train: PositiveInt = 2000  # per image, after NMS
    rpn_nms_threshold: Fraction = 0.7  # in training and testing
    rpn_batch_size_per_image: PositiveInt = 256  # anchors sampled for the RPN's loss
    rpn_positive_fraction: Fraction = 0.5
    box_batch_size_per_image: PositiveInt = 512  # proposals sampled for the heads' losses
    box_positive_fraction: Fraction = 0.25
    horizontal_flip: Fraction = 0.5  # probability
    scale_jitter: tuple[PositiveFloat, PositiveFloat] | None = None  # range of the image's random scale
    checkpoint_rule: Literal["last", "best"] = "last"  # whose weights count; best is by the objective on validation


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSetting:
    """What determines predictions from weights; a factor here trains nothing."""

    box_score_threshold: Fraction = 0.05  # detections below it are dropped
    box_nms_threshold: Fraction = 0.5
    detections_per_image: PositiveInt = 100
    rpn_pre_nms_top_n_test: PositiveInt = 1000  # per feature level and image, before NMS
    rpn_post_nms_top_n_test: PositiveInt = 1000  # per image, after NMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A full assignment of every hyperparameter."""

    model: ModelSetting
    training: TrainingSetting
    evaluation: EvaluationSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """How a run is watched; changes nothing in its result."""

    log_every: PositiveInt = 20  # iterations
    validate_every: PositiveInt | None = None  # iterations between validations (loss and AP); None is only at the end
    validation_images: PositiveInt | None = None  # of a validation during training; None is the whole split
    checkpoint_every: PositiveInt = 200  # iterations


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measured value, or None with the reason why there is none."""

    name: str  # box/AP, mask/APs, train/seconds, ...
    value: float | None
    unit: str  # AP (0 to 100), s, bytes, count, ...
    reason: str | None = None


SECTIONS: dict[str, type[ModelSetting | TrainingSetting | EvaluationSetting]] = {
    "model": ModelSetting,
    "training": TrainingSetting,
    "evaluation": EvaluationSetting,
}
SECTION_OF_FIELD: dict[str, str] = {
    field.name: section for section, cls in SECTIONS.items() for field in dataclasses.fields(cls)
}


def read_field(setting: Setting, name: str) -> object:
    """Return the value of the field with that (unique) name. Raises KeyError for a name that no section has."""
    value: object = getattr(getattr(setting, SECTION_OF_FIELD[name]), name)
    return value


def replace_fields(setting: Setting, **values: object) -> Setting:
    """Return the setting with fields of any section replaced. Raises KeyError for a name that no section has."""
    by_section: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        by_section.setdefault(SECTION_OF_FIELD[name], {})[name] = value
    sections = {
        section: dataclasses.replace(getattr(setting, section), **changes) for section, changes in by_section.items()
    }
    return dataclasses.replace(setting, **sections)
