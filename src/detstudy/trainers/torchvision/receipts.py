"""What really happened in a run, beside what its setting asked for."""

from __future__ import annotations

from typing import Any

from detstudy.study.setting import Measure
from detstudy.trainers.contract import Job, choose_micro_batch, describe_accumulation
from detstudy.trainers.torchvision.detector import find_norms
from detstudy.trainers.torchvision.progress import Progress
from detstudy.trainers.torchvision.session import Session


def describe_effective(session: Session, job: Job, image_count: int) -> dict[str, Any]:
    """Return the effective values of a run so far, as plain values; means are over its images.

    What is per level stands in the order of `feature_levels`.
    """
    progress, detector = session.progress, session.detector
    proposals = progress.proposals
    setting = job.setting
    return {
        "learning_rate_first": progress.learning_rate_first,
        "learning_rate_max": progress.learning_rate_max,
        "learning_rate_last": progress.learning_rate_last,
        "optimizer_steps": progress.iteration - progress.skipped_steps,
        "skipped_steps": progress.skipped_steps,
        "images_seen": progress.images,
        "images_per_epoch": image_count,
        "epochs": progress.images / image_count if image_count else None,
        "batch_size": setting["batch_size"],
        "micro_batch_size": progress.micro_batch_size,
        **describe_split(session, job),
        "precision": setting["precision"],
        "proposals_entered": proposals.average(sum(proposals.entered)),
        "proposals_survived": proposals.average(sum(proposals.survived)),
        "proposals_kept": proposals.average(proposals.kept),
        "feature_levels": list(detector.rpn.level_names),
        "proposals_entered_per_level": [proposals.average(total) for total in proposals.entered],
        "proposals_survived_per_level": [proposals.average(total) for total in proposals.survived],
        "anchors_per_level": [proposals.average(total) for total in proposals.anchors],
        "anchors_per_location": detector.anchors_per_location,
        "anchor_sizes": [list(sizes) for sizes in detector.anchor_sizes],
        "normalization": detector.normalization,
        "image_min_size": setting["image_min_size"],
        "image_max_size": setting["image_max_size"] if setting["image_min_size"] is not None else None,
        "horizontal_flip": setting["horizontal_flip"] > 0,
        "scale_jitter": setting["scale_jitter"] is not None,
        "densest_image": progress.densest_image,
        "device": job.device,
        "threads": job.threads,
        "parameters": sum(parameter.numel() for parameter in detector.parameters()),
        "trainable_parameters": sum(p.numel() for p in detector.parameters() if p.requires_grad),
        "checkpoint_rule": setting["checkpoint_rule"],
        "best_iteration": progress.best_iteration,
        "resumes": progress.resumes,
    }


def describe_split(session: Session, job: Job) -> dict[str, str]:
    """Return in words how the batch was split, and what that changes; {} where it was not."""
    setting = job.setting
    micro = choose_micro_batch(setting, job.largest_micro_batch)
    if micro == setting["batch_size"]:
        return {}
    differs = "samples are drawn in another order and images padded by micro-batch"
    if find_norms(session.detector):
        differs += f", and batch norm sees {micro} images at a time, so the gradients are not the whole batch's"
    else:
        differs += "; otherwise the gradients are the whole batch's"
    split = describe_accumulation(setting["batch_size"], micro)
    return {"accumulation": split, "accumulation_differs": differs}


def list_measures(progress: Progress) -> tuple[Measure, ...]:
    """Return what the training cost and where its loss ended."""
    none_logged = None if progress.final_loss is not None else "the run ended before its first logged point"
    timed = progress.seconds > 0
    return (
        Measure(name="train/seconds", value=progress.seconds, unit="s"),
        Measure(name="train/peak_memory_bytes", value=float(progress.peak_memory), unit="bytes"),
        Measure(
            name="train/images_per_second",
            value=progress.images / progress.seconds if timed else None,
            unit="images/s",
            reason=None if timed else "the run ended before its first step",
        ),
        Measure(name="train/final_loss", value=progress.final_loss, unit="loss", reason=none_logged),
    )
