"""The optimizer of a run, with weight decay where it belongs."""

from __future__ import annotations

import torch
from torch import nn

from detstudy.study.setting import Setting

Decayed = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def build_optimizer(model: nn.Module, setting: Setting) -> torch.optim.Optimizer:
    """Return SGD with momentum or AdamW over the weights that learn.

    Weights of convolutions and linear layers decay; norms and biases don't. The learning rate is the setting's own:
    the loop multiplies it before each step.
    """
    decayed_ids = {id(module.weight) for module in model.modules() if isinstance(module, Decayed)}
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learning if id(p) in decayed_ids], "weight_decay": setting["weight_decay"]},
        {"params": [p for p in learning if id(p) not in decayed_ids], "weight_decay": 0.0},
    ]
    # One pass over all weights in one kernel: a third of the time of the default on a CPU.
    if setting["optimizer"] == "adamw":
        return torch.optim.AdamW(groups, lr=setting["learning_rate"], fused=True)
    return torch.optim.SGD(groups, lr=setting["learning_rate"], momentum=setting["momentum"], fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step use the rate, for all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate
