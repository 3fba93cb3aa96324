"""Settings, their levels, runs and units by name."""

from __future__ import annotations

from detstudy.analysis.facts import setting as facts
from detstudy.analysis.facts.setting import Accumulation, SettingName
from detstudy.plan import BASELINE
from detstudy.wording.labels import count, label_level, label_setting
from detstudy.wording.say import phrase, say


@say.register
def _(fact: Accumulation) -> str:
    """Return "as 2 × 8", "as 2 × 8 in 1 of 3 runs"."""
    parts = " or ".join(f"as {divide_batch(fact.batch_size, size)}" for size in fact.micro_batch_sizes)
    return parts if fact.runs == fact.finished else f"{parts} in {fact.runs} of {fact.finished} runs"


def divide_batch(batch_size: int, micro_batch_size: int) -> str:
    """Return a batch's parts: "2 × 8", "2 × 2 + 1"."""
    whole, rest = divmod(batch_size, micro_batch_size)
    parts = f"{whole} × {micro_batch_size}" if whole > 1 or not rest else f"{micro_batch_size}"
    return f"{parts} + {rest}" if rest else parts


def say_batch(accumulation: Accumulation) -> str:
    """Return "batch of 16 as 2 × 8"."""
    return f"batch of {accumulation.batch_size} {say(accumulation)}"


@say.register
def _(fact: SettingName) -> str:
    """Return "baseline", "learning rate 0.001", "batch size 16 as 2 × 8"."""
    return _add_batch(label_setting(dict(fact.levels)), fact)


def say_in_text(name: object) -> str:
    """Return a setting's name in a sentence: the baseline has an article."""
    if isinstance(name, SettingName) and not name.levels:
        return _add_batch(f"the {BASELINE}", name)
    return say(name)


def _add_batch(label: str, fact: SettingName) -> str:
    if fact.accumulation is None:
        return label
    alone = [name for name, _ in fact.levels] == ["batch_size"]
    return f"{label} {say(fact.accumulation)}" if alone else f"{label} ({say_batch(fact.accumulation)})"


@say.register
def _(fact: facts.LevelName) -> str:
    """Return "learning rate 0.004 (the baseline)"."""
    text = label_level(fact.factor, fact.level)
    if fact.accumulation and fact.factor == "batch_size":
        text += f" {say(fact.accumulation)}"
    elif fact.accumulation:
        text += f", a {say_batch(fact.accumulation)}"
    return f"{text} (the {BASELINE})" if fact.baseline else text


@say.register
def _(fact: facts.UnitCount) -> str:
    """Return "20 sequences", "no validation images yet"."""
    return count(fact.count, fact.noun) if fact.noun else "no validation images yet"


phrase(facts.RunName, "{setting} (seed {seed})")
phrase(facts.About, "{subject}: {fact}")
