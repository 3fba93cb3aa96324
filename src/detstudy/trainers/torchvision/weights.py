"""Weights from elsewhere: torchvision's published files and state dicts of the user's own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import nn
from torchvision.models.detection.mask_rcnn import MaskRCNN_ResNet50_FPN_Weights
from torchvision.models.resnet import ResNet18_Weights, ResNet34_Weights, ResNet50_Weights, ResNet101_Weights

from detstudy.trainers.contract import RefusedError
from detstudy.trainers.torchvision.checkpoint import is_swollen

State = dict[str, torch.Tensor]

# The layers whose shapes follow from the number of classes or anchors; anything else must fit.
PREDICTORS = ("rpn.head.cls_logits.", "rpn.head.bbox_pred.", "roi_heads.box_predictor.", "roi_heads.mask_predictor.")

_COCO_CLASSES = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")

_IMAGENET = {
    "resnet18": ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": ResNet50_Weights.IMAGENET1K_V1,
    "resnet101": ResNet101_Weights.IMAGENET1K_V1,
}


class WeightsError(RefusedError):
    """Weights that can't be had or don't fit, with the remedy in the message."""


def fetch_coco_weights(backbone: str) -> State:
    """Return torchvision's Mask R-CNN trained on COCO (COCO_V1), without the layers that tell COCO's classes apart.

    Raises WeightsError for any backbone but resnet50, and where the file can't be had.
    """
    if backbone != "resnet50":
        raise WeightsError(
            f"model.weights: coco exists for backbone resnet50 only, not {backbone}; use imagenet or none"
        )
    state = _fetch_state(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.url)
    # COCO's classes are not the data's, even where their number happens to be the same.
    return {key: value for key, value in state.items() if not key.startswith(_COCO_CLASSES)}


def fetch_imagenet_weights(backbone: str) -> State:
    """Return torchvision's ResNet trained on ImageNet (IMAGENET1K_V1), without its classifier.

    Raises WeightsError where it can't be had.
    """
    return {key: value for key, value in _fetch_state(_IMAGENET[backbone].url).items() if not key.startswith("fc.")}


def read_weights(path: Path) -> State:
    """Read a state dict from a file (`torch.load`, tensors only); a dict with one under "model" is taken, too.

    Raises WeightsError for a missing file and for one that holds anything else.
    """
    if not path.is_file():
        raise WeightsError(
            f"model.weights: no file {path}; accepted are coco, imagenet, none and the path of a state dict"
        )
    state = _load_state(path, remedy="save a state dict with torch.save(model.state_dict(), path)")
    inner = state.get("model")
    if isinstance(inner, Mapping):
        state = dict(inner)
    strange = [str(key) for key, value in state.items() if not isinstance(value, torch.Tensor)]
    if strange or not state:
        found = f"{strange[0]!r} is no tensor" if strange else "it is empty"
        raise WeightsError(f"model.weights: {path} holds no state dict ({found}); save model.state_dict() alone")
    return state


def load_weights(model: nn.Module, state: State, *, source: str) -> None:
    """Load a state into a model, in place; predictors that are missing or of another shape keep their fresh weights.

    Older names of torchvision's layers are understood. Raises WeightsError listing (up to ten of) the tensors that are
    missing, unknown or of another shape elsewhere.
    """
    own = model.state_dict()
    fitting = {
        key: value
        for key, value in state.items()
        if not (key.startswith(PREDICTORS) and key in own and own[key].shape != value.shape)
    }
    try:
        missing, unknown = model.load_state_dict(fitting, strict=False)
    except RuntimeError as error:  # a shape differs
        raise WeightsError(
            f"model.weights: {source} does not fit the model: {_join(str(error).splitlines()[1:])}"
        ) from error
    # A frozen norm has no counter of batches, and a norm's own counter does no harm.
    faults = [f"{key} is missing" for key in missing if not key.startswith(PREDICTORS) and not _is_counter(key)]
    faults += [f"{key} is unknown" for key in unknown if not _is_counter(key)]
    if faults:
        raise WeightsError(f"model.weights: {source} does not fit the model: {_join(faults)}")


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _join(faults: Sequence[str]) -> str:
    """Return the first ten faults in one line, with the number of the others."""
    more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""
    return "; ".join(fault.strip().rstrip(".") for fault in faults[:10]) + more


def _fetch_state(url: str) -> State:
    """Return a published state dict from torch's folder of downloads, downloading it once where there is a network."""
    name = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    remedy = f"place the file {name} in {path.parent} (or set TORCH_HOME and place it in $TORCH_HOME/hub/checkpoints)"
    if not path.is_file():
        try:
            # torch announces the download on standard output, which belongs to the command line's answer.
            with contextlib.redirect_stdout(sys.stderr):
                torch.hub.load_state_dict_from_url(
                    url, map_location="cpu", progress=False, check_hash=True, weights_only=True
                )
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"model.weights: {name} can't be downloaded ({error}); {remedy}") from error
    return _load_state(path, remedy=remedy)


def _load_state(path: Path, *, remedy: str) -> State:
    """Load a dict of tensors from a file. Raises WeightsError for a damaged or foreign one."""
    if is_swollen(path):
        raise WeightsError(f"model.weights: {path} unpacks to more than its size, as none of torch's do; {remedy}")
    try:
        state = torch.load(os.fspath(path), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file fails in many ways, and all of them mean the same
        # torch goes on to say how to load the file with all that it would execute.
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0].partition(" This file can")[0]
        raise WeightsError(f"model.weights: {path} can't be read ({first_line}); {remedy}") from error
    if not isinstance(state, Mapping):
        raise WeightsError(f"model.weights: {path} holds a {type(state).__name__}, no state dict; {remedy}")
    return dict(state)
