"""Names as a person says them: factors, levels, settings, measures, outcomes, numbers with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detstudy.plan import BASELINE, format_level

_FACTORS = {
    "rpn_pre_nms_top_n_train": "RPN pre-NMS top-k (training)",
    "rpn_post_nms_top_n_train": "RPN post-NMS top-k (training)",
    "rpn_pre_nms_top_n_test": "RPN pre-NMS top-k (test)",
    "rpn_post_nms_top_n_test": "RPN post-NMS top-k (test)",
    "name": "detector",
}
_ACRONYMS = {"rpn": "RPN", "nms": "NMS"}
_SPEAKING = ("schedule", "optimizer", "precision")  # their levels say what they are


def label_factor(name: str) -> str:
    """Return a field's name in words: "learning rate"."""
    return _FACTORS.get(name) or " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))


def label_level(name: str, level: Any) -> str:
    """Return a factor's level in words: "learning rate 0.001", "warmup cosine"."""
    text = format_level(level)
    if isinstance(level, str):
        text = text.replace("_", " ")
    return text if name in _SPEAKING else f"{label_factor(name)} {text}"


def label_setting(levels: Mapping[str, Any]) -> str:
    """Return a setting's levels in words, "baseline" where there are none."""
    return ", ".join(label_level(name, level) for name, level in levels.items()) or BASELINE


def label_measure(measure: str) -> str:
    """Return a measure's name in words: "mask AP"."""
    return measure.replace("/", " ")


def label_outcome(outcome: str) -> str:
    """Return an outcome or state of a run in words: "out of memory"."""
    return outcome.replace("_", " ")


def count(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it is not 1."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_points(value: float) -> str:
    """Return AP points with one decimal and a real minus sign."""
    text = f"{abs(value):.1f}"
    return f"−{text}" if value < 0 and float(text) else text


def format_change(value: float) -> str:
    """Return AP points with their sign."""
    text = format_points(value)
    return text if text.startswith("−") or not float(text) else f"+{text}"


def describe_interval(low: float, high: float) -> str:
    """Return a 95 % interval in a sentence: "95 %: −0.3 to 0.5"."""
    return f"95 %: {format_points(low)} to {format_points(high)}"


def format_memory(size: float) -> str:
    """Return bytes in GiB, or in MiB below one of them: "11.2 GiB", "812 MiB"."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"
