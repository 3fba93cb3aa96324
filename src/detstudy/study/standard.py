"""The field's standard hyperparameters: by these names they mean the same whoever trains.

A trainer declares those that it has, as they stand here or with a default of its own (`dataclasses.replace`).
"""

from __future__ import annotations

from typing import Literal

from detstudy.study.hyperparameter import (
    Count,
    Fraction,
    Hyperparameter,
    NonNegativeFloat,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    Proof,
)

RATE = Proof(value="learning_rate_max", how="rate")
MULTISTEP = ("schedule", "warmup_multistep")

STANDARD = (
    Hyperparameter(name="learning_rate", type=PositiveFloat, costs_alike=True, proof=RATE, slug="lr{:g}"),
    Hyperparameter(
        name="batch_size",
        type=PositiveInt,
        documentation="images an optimizer step",
        unit="images",
        proof=Proof(value="images_seen", how="images"),
        slug="b{}",
    ),
    Hyperparameter(
        name="iterations",
        type=PositiveInt,
        documentation="optimizer steps",
        costs_alike=True,  # they change how long a run takes, not what an iteration does
        proof=Proof(value="optimizer_steps", how="steps"),
    ),
    Hyperparameter(
        name="micro_batch_size",
        type=PositiveInt | None,
        default=None,
        documentation="images a forward pass; null is the whole batch",
        unit="images",
        proof=Proof(value="micro_batch_size"),
    ),
    Hyperparameter(name="optimizer", type=Literal["sgd", "adamw"], default="sgd", speaks=True),
    Hyperparameter(
        name="momentum",
        type=Fraction,
        default=0.9,
        documentation="of sgd",
        costs_alike=True,
        needs=("optimizer", "sgd"),
    ),
    Hyperparameter(
        name="weight_decay",
        type=NonNegativeFloat,
        default=0.0001,
        documentation="of convolution and linear weights; norms and biases have none",
        costs_alike=True,
    ),
    Hyperparameter(
        name="schedule",
        type=Literal["warmup_multistep", "warmup_cosine", "constant"],
        default="warmup_multistep",
        costs_alike=True,
        proof=RATE,
        slug={"warmup_multistep": "multistep", "warmup_cosine": "cosine", "constant": "constant"},
        speaks=True,
    ),
    Hyperparameter(
        name="milestones",
        type=tuple[OpenFraction, ...],
        default=(0.7, 0.9),
        documentation="fractions of the iterations, of warmup_multistep",
        costs_alike=True,
        needs=MULTISTEP,
    ),
    Hyperparameter(
        name="milestone_factor",
        type=PositiveFloat,
        default=0.1,
        documentation="the learning rate is multiplied by it at each milestone",
        costs_alike=True,
        needs=MULTISTEP,
        proof=RATE,
    ),
    Hyperparameter(name="warmup_iterations", type=Count, default=0, costs_alike=True),
    Hyperparameter(
        name="warmup_factor", type=Fraction, default=0.001, documentation="multiplier at iteration 0", costs_alike=True
    ),
    Hyperparameter(
        name="gradient_clip_norm",
        type=PositiveFloat | None,
        default=None,
        documentation="largest L2 norm of all gradients together; null clips nothing",
    ),
    Hyperparameter(
        name="precision",
        type=Literal["fp32", "bf16", "fp16"],
        default="fp32",
        documentation="bf16 and fp16 are autocast, on CUDA",
        proof=Proof(value="precision"),
        speaks=True,
    ),
    Hyperparameter(
        name="rpn_pre_nms_top_n_train",
        type=PositiveInt,
        default=2000,
        documentation="per feature level and image, before NMS",
        label="RPN pre-NMS top-k (training)",
        proof=Proof(value="proposals_entered", how="more"),
        slug="k{}",
    ),
    Hyperparameter(
        name="rpn_post_nms_top_n_train",
        type=PositiveInt,
        default=2000,
        documentation="per image, after NMS",
        label="RPN post-NMS top-k (training)",
        proof=Proof(value="proposals_kept", how="cut", before="proposals_survived"),
    ),
    Hyperparameter(name="rpn_nms_threshold", type=Fraction, default=0.7, documentation="in training and testing"),
    Hyperparameter(
        name="rpn_batch_size_per_image",
        type=PositiveInt,
        default=256,
        documentation="anchors sampled for the RPN's loss",
    ),
    Hyperparameter(name="rpn_positive_fraction", type=Fraction, default=0.5),
    Hyperparameter(
        name="box_batch_size_per_image",
        type=PositiveInt,
        default=512,
        documentation="proposals sampled for the heads' losses",
    ),
    Hyperparameter(name="box_positive_fraction", type=Fraction, default=0.25),
    Hyperparameter(name="horizontal_flip", type=Fraction, default=0.5, documentation="probability", costs_alike=True),
    Hyperparameter(
        name="scale_jitter",
        type=tuple[PositiveFloat, PositiveFloat] | None,
        default=None,
        documentation="range of the image's random scale",
    ),
    Hyperparameter(
        name="checkpoint_rule",
        type=Literal["last", "best"],
        default="last",
        documentation="whose weights count; best is by the objective on validation",
        costs_alike=True,
    ),
    Hyperparameter(
        name="box_score_threshold",
        type=Fraction,
        default=0.05,
        documentation="detections below it are dropped",
        changes="predictions",
    ),
    Hyperparameter(name="box_nms_threshold", type=Fraction, default=0.5, changes="predictions"),
    Hyperparameter(name="detections_per_image", type=PositiveInt, default=100, changes="predictions"),
    Hyperparameter(
        name="rpn_pre_nms_top_n_test",
        type=PositiveInt,
        default=1000,
        documentation="per feature level and image, before NMS",
        label="RPN pre-NMS top-k (test)",
        changes="predictions",
    ),
    Hyperparameter(
        name="rpn_post_nms_top_n_test",
        type=PositiveInt,
        default=1000,
        documentation="per image, after NMS",
        label="RPN post-NMS top-k (test)",
        changes="predictions",
    ),
)
