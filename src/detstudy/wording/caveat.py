"""What else changed beside a setting's levels, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from detstudy.analysis.facts import caveat as facts
from detstudy.analysis.facts.convergence import BothImproving, OneImproving
from detstudy.plan import format_level
from detstudy.wording.labels import join_words
from detstudy.wording.say import phrase, say
from detstudy.wording.setting import divide_batch

NAMING = (BothImproving, OneImproving)
"""Caveats whose words name the settings that they are about."""


phrase(facts.RateNotScaled, "the learning rate was not scaled with the batch size")
phrase(facts.ImagesDiffer, "unequal budgets: images seen differ ({images:,} against {others:,})")


@say.register
def _(fact: facts.StepsDiffer) -> str:
    return f"{abs(100 * fact.share):.0f} % {'more' if fact.share > 0 else 'fewer'} steps"


@say.register
def _(fact: facts.TrainedInParts) -> str:
    why = "since the whole batch ran out of memory" if fact.ran_out_of_memory else "as the setting asks"
    parts = divide_batch(fact.batch_size, fact.micro_batch_size)
    text = f"batch of {fact.batch_size} as {parts}, gradients accumulated {why}"
    return f"{text}: {fact.differs}" if fact.differs else text


@say.register
def _(fact: facts.SeedsInUnlikeParts) -> str:
    listed = "; ".join(
        f"{f'{fact.batch_size} as {divide_batch(fact.batch_size, size)}' if size else 'whole'}: "
        f"seed {join_words([*map(str, seeds)])}"
        for size, seeds in fact.seeds
    )
    return f"not all seeds had their batches divided alike ({listed}), which adds to the noise of the seeds"


@say.register
def _(fact: facts.BatchRule) -> str:
    warm = any(fact.warmup_iterations)
    if fact.holds_images:
        steps, warmups = _list_numbers(fact, fact.iterations), _list_numbers(fact, fact.warmup_iterations)
        text = f"Images seen are held fixed, so steps change with the batch size ({steps}) and warm-up too ({warmups})"
    else:
        text = (
            f"Steps are held fixed, so images seen change with the batch size ({_list_images(fact, fact.iterations)})"
        )
        if warm:
            text += f" and images in warm-up too ({_list_images(fact, fact.warmup_iterations)})"
    if fact.scales_rate:
        text += f"; the learning rate is scaled with it ({_list(fact, map(format_level, fact.learning_rates))})."
    else:
        scales = (f"{rate / level:.3g}" for level, rate in zip(fact.levels, fact.learning_rates, strict=True))
        text += (
            "; the learning rate is not scaled with it, so learning rate / batch size, the scale of the gradient's "
            f"noise, changes too ({_list(fact, scales)})."
        )
    epochs = ", ".join(
        f"{level}: {value:.1f}" for level, value in zip(fact.levels, fact.epochs, strict=True) if value is not None
    )
    return f"{text} Epochs: {epochs}." if epochs else text


def say_caveats(setting: object, facts: Sequence[object]) -> str:
    """Return a setting's caveats as one sentence that names it once."""
    text = "; ".join(map(say, facts))
    return f"{text[:1].upper()}{text[1:]}." if isinstance(facts[0], NAMING) else f"{say(setting)}: {text}."


def _list_images(fact: facts.BatchRule, steps: Iterable[int]) -> str:
    return _list_numbers(fact, (level * number for level, number in zip(fact.levels, steps, strict=True)))


def _list_numbers(fact: facts.BatchRule, numbers: Iterable[int]) -> str:
    return _list(fact, (f"{number:,}" for number in numbers))


def _list(fact: facts.BatchRule, texts: Iterable[Any]) -> str:
    return ", ".join(f"{level}: {text}" for level, text in zip(fact.levels, texts, strict=True))
