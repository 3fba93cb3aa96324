"""What makes two trainings the same, and what makes two cost the same: all that determines it, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import Any

from detstudy.plan.planning import PlannedRun
from detstudy.study.setting import Setting
from detstudy.study.study import Study
from detstudy.trainers.contract import choose_micro_batch

SCHEMA = 1
"""Changes when the same setting would train otherwise."""

SPLIT_SCHEMA = 2
"""The schema of settings whose batches are split: since 2 losses are weighted by what they average over."""


def identify_training(run: PlannedRun, fingerprint: str) -> str:
    """Return the name of a training's folder: `<slug>--s<seed>--<8 hex>`.

    The hash covers the non-default hyperparameters of model and training, the seed, the data's fingerprint, and a
    trainer that is not the default; a hyperparameter added later with a default changes no identity.
    """
    content = {
        "schema": choose_schema(run.setting),
        "model": run.setting.part("model").non_defaults,
        "training": run.setting.part("training").non_defaults,
        "seed": run.seed,
        "data": fingerprint,
    }
    if run.setting.trainer:
        content["trainer"] = run.setting.trainer
    return f"{make_slug(run.setting)}--s{run.seed}--{hash_content(content)}"


def choose_schema(setting: Setting) -> int:
    """Return the schema of a setting: all but those with batches split by `micro_batch_size` keep their identity."""
    return SPLIT_SCHEMA if choose_micro_batch(setting) < setting.get("batch_size", 1) else SCHEMA


def identify_evaluation(setting: Setting) -> str:
    """Return the name of an evaluation's folder: `<slug>--<8 hex>`."""
    content = setting.part("evaluation").non_defaults
    slug = "-".join(f"{name}-{value}" for name, value in content.items()) or "default"
    return f"{clean_slug(slug)}--{hash_content({'schema': SCHEMA, 'evaluation': content})}"


def identify_cost(setting: Setting) -> Setting:
    """Return the setting without what changes neither the time of an iteration nor memory: equal ones cost the same."""
    return setting.keep(lambda each: not each.costs_alike)


def identify_basis(study: Study) -> str:
    """Return what tells apart the studies whose designs decide for themselves: by design, baseline and what follows."""
    design, rule = study.design, study.when_batch_size_changes
    return hash_content(
        {
            "design": design if isinstance(design, str) else dataclasses.asdict(design),
            "baseline": study.baseline.non_defaults,
            "when_batch_size_changes": dataclasses.asdict(rule) if rule else None,
        }
    )


def make_slug(setting: Setting) -> str:
    """Return what a person would look for in a folder's name: detector, learning rate, batch size, schedule, top-k."""
    parts = []
    for each in setting.hyperparameters:
        value = setting[each.name]
        if value is not None and each.slug:
            parts.append(each.slug.format(value) if isinstance(each.slug, str) else each.slug.get(value, ""))
    return clean_slug("-".join(part for part in parts if part))


def clean_slug(text: str) -> str:
    """Return the text with only letters, digits, '.', '_' and '-', at most 80 of them."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:80].strip("-.") or "run"


def hash_content(content: dict[str, Any]) -> str:
    """Return eight hex digits of the SHA-256 of canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
