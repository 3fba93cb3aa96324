"""What a column of a published table holds, told from its heading, and which levels a label names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Role = Literal["measure", "spread", "time", "budget", "seed", "seeds", "factor", "label", "other"]

_KINDS = {"box": "box", "bbox": "box", "bb": "box", "b": "box", "det": "box", "detection": "box"}
_KINDS |= {"mask": "mask", "masks": "mask", "segm": "mask", "seg": "mask", "m": "mask", "segmentation": "mask"}
_BANDS = {"s": "s", "small": "s", "m": "m", "medium": "m", "l": "l", "large": "l"}
_THRESHOLDS = {"50": "50", "0.5": "50", "0.50": "50", ".5": "50", ".50": "50"}
_THRESHOLDS |= {"75": "75", "0.75": "75", ".75": "75"}
_WHOLE = re.compile(r"[\[(]?(0?\.5|0?\.50|50)\s*[:–-]\s*((0?\.05|5)\s*[:–-]\s*)?(0?\.95|95)[\])]?")
_SPREADS = {"sd", "std", "stdev", "stddev", "±", "+-"}
_LABELS = {"setting", "settings", "label", "name", "config", "configuration", "experiment", "run", "variant", "caption"}
_LABELS |= {"picture", "pictured", "figure", "slide", "title", "file", "image", "notes", "note", "remark", "comment"}
_LABELS |= {"description", "hyperparameter", "hyperparameters"}
_OTHERS = {"fps", "latency", "inference", "ms", "memory", "mem", "vram", "gib", "gb", "params", "parameters", "flops"}
_OTHERS |= {"gflops", "loss", "precision", "recall", "f1", "pq", "iou", "miou", "fp", "fn", "tp", "false", "positives"}
_OTHERS |= {"mota", "hota", "change", "delta", "gain", "difference", "verdict", "rank"}
_TIMES = {"s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "min": 60, "mins": 60, "minute": 60, "minutes": 60}
_TIMES |= {"h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400}
_BUDGETS = {"iterations": "iterations", "iteration": "iterations", "iters": "iterations", "iter": "iterations"}
_BUDGETS |= {"steps": "iterations", "epochs": "epochs", "epoch": "epochs", "images": "images"}
_FACTORS = {
    "learning_rate": r"(?:base[ _-]?)?(?:learning[ _-]?rate|lr)",
    "batch_size": r"batch(?:[ _-]?size)?|bs|ims[ _]per[ _]batch",
    "top_k": r"(?:(?:rpn|pre|post|nms|train|training)[ _-]*)*top[ _-]?[kn](?:[ _-]*(?:train|training))?",
    "weight_decay": r"weight[ _-]?decay|wd",
    "momentum": r"momentum",
    "warmup_iterations": r"warm[ _-]?up(?:[ _-]?iter(?:ation)?s)?",
    "iterations": r"iterations|iters|steps",
    "epochs": r"epochs?",
}
_NUMBER = r"(\d[\d.,]*(?:e[-+]?\d+)?k?)(?![\d.])"
_WORDS = {
    "schedule": r"schedul(?:e|er)|policy",
    "optimizer": r"optimi[sz]er",
}
_WORD_LEVELS = {
    "schedule": {"cosine": r"cosine|cos\b", "multi-step": r"multi[ _-]?step", "linear decay": r"linear decay|poly"},
    "optimizer": {"adamw": r"\badamw\b", "adam": r"\badam\b", "sgd": r"\bsgd\b"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column's role. `name` is the measure (`box/AP`; `AP` where no kind is told), factor or budget."""

    text: str
    role: Role
    name: str = ""
    unit: float = 1.0  # of a time column, seconds


def read_headings(texts: list[str]) -> list[Heading]:
    """Return what each column holds. A measure without a kind takes that of the measures to its left.

    A column "mask" after measures of boxes, or a heading that lists several measures, is for `split_groups`.
    """
    headings: list[Heading] = []
    names = [find_measure(text) for text in texts]
    short_kinds = any(re.search(r"ap[\s_]*bb?\b", text.lower()) for text in texts)  # AP^b, printed without the caret
    kind = ""
    for text, measure in zip(texts, names, strict=True):
        if measure is None:
            headings.append(_read_other(text))
            continue
        if measure == "APm" and short_kinds:
            measure = "mask/AP"
        own, _, short = measure.rpartition("/")
        kind = own or kind
        role: Role = "spread" if _split_words(text) & _SPREADS else "measure"
        headings.append(Heading(text=text, role=role, name=f"{kind}/{short}" if kind else short))
    return headings


def find_measure(text: str) -> str | None:
    """Return the COCO measure that a heading names: "bbox_AP50", "AP^b_75", "mask APs", "mAP@[.5:.95]"; else None."""
    plain = re.sub(r"\\(?:mathrm|text|textbf|rm)\b|[{}$*%↑()]|\b(?:val|test|coco)\b", " ", text.lower())
    plain = _WHOLE.sub(" ", plain)
    found = re.search(r"(?<![a-z])m?(ap|ar)(?=[^a-z]|$|bb?(?:ox)?|m(?:ask)?|segm?|s|l)", plain)
    if not found:
        return None
    stem, rest = found[1].upper(), plain[found.end() :]
    kinds = [_KINDS[word] for word in re.findall(r"[a-z]+", plain[: found.start()]) if word in _KINDS and len(word) > 1]
    marked = re.match(r"\s*\^\s*([a-z]+)", rest)  # a superscript is a kind, a subscript a size
    if marked and marked[1] in _KINDS:
        kinds.append(_KINDS[marked[1]])
        rest = rest[marked.end() :]
    short = ""
    for word in re.findall(r"0?\.\d+|\d+|[a-z]+", rest):
        if stem == "AR" and word in ("1", "10", "100"):
            short = word
        elif word in _THRESHOLDS and stem == "AP":
            short = _THRESHOLDS[word]
        elif word in _BANDS and not (word == "m" and stem == "AP" and re.search(r"m[\s_@]*\.?\d", rest)):
            short = _BANDS[word]
        elif word in _KINDS:
            kinds.append(_KINDS[word])
        elif word not in _SPREADS and word not in ("iou", "mean", "object", "objects"):
            return None  # "AP loss": not the measure itself
    if stem == "AR" and not short:
        short = "100"
    return f"{kinds[0]}/{stem}{short}" if kinds else f"{stem}{short}"


def split_groups(texts: list[str]) -> list[list[str]]:
    """Return the headings that each heading stands for: "box AP, AP50, AP75" lists three, "mask" then as many."""
    groups: list[list[str]] = []
    listed: list[str] = []
    for text in texts:
        parts = [part.strip() for part in re.split(r"[,;/]\s|\s\|\s", text)]
        kind = _KINDS.get(text.strip().lower())
        if len(parts) > 1 and all(find_measure(part) for part in parts):
            listed = parts
        elif kind and listed:
            parts = [f"{kind} {re.sub('(?i)^(box|bbox|mask|segm) ', '', part)}" for part in listed]
        else:
            parts = [text]
        groups.append(parts)
    return groups


def find_factor(text: str) -> str | None:
    """Return the factor that a heading names ("Base LR" is learning_rate); None for one that is not known."""
    plain = _strip(text)
    for name, pattern in (_FACTORS | _WORDS).items():
        if re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", plain):
            return name
    return None


def find_levels(label: str) -> dict[str, float | str]:
    """Return the levels that a label names: "lr=1e-4, batch 8, cosine" has three."""
    plain = label.lower()
    levels: dict[str, float | str] = {}
    for name, pattern in _FACTORS.items():
        found = re.search(rf"(?<![a-z])(?:{pattern})\s*(?:of|[:=])?\s*{_NUMBER}", plain)
        value = found and read_level(found[1])
        if found and isinstance(value, float):
            levels[name] = value
    for name, words in _WORD_LEVELS.items():
        named = [word for word, pattern in words.items() if re.search(pattern, plain)]
        if named:
            levels[name] = named[0]
    return levels


def read_level(text: str) -> float | str:
    """Return a level's number ("6k" and "6,000" are 6000, "0,001" is 0.001), else its words in one spelling."""
    plain = text.strip().lower().rstrip(",.")
    number = re.fullmatch(r"(\d[\d.,]*(?:e[-+]?\d+)?)(k?)", plain)
    if number:
        digits = number[1]
        if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", digits):
            digits = digits.replace(",", "")
        try:
            return float(digits.replace(",", ".")) * (1000 if number[2] else 1)
        except ValueError:
            return plain
    for words in _WORD_LEVELS.values():
        for word, pattern in words.items():
            if re.search(pattern, plain):
                return word
    return plain


def _read_other(text: str) -> Heading:
    words = _split_words(text)
    if words & {"seed"}:
        return Heading(text=text, role="seed")
    if words & {"seeds", "runs", "repeats", "trials"} or words == {"n"}:
        return Heading(text=text, role="seeds")
    if words & _OTHERS and not find_factor(text):
        return Heading(text=text, role="other")
    units = [word for word in re.findall(r"[a-z]+", _strip(text)) if word in _TIMES]
    if words & {"time", "duration", "seconds", "hours", "minutes", "walltime"} or (units and len(words) == 1):
        return Heading(text=text, role="time", unit=float(_TIMES[units[-1]]) if units else 1.0)
    factor = find_factor(text)
    for word in words & set(_BUDGETS):
        if factor in (None, "iterations", "epochs"):
            return Heading(text=text, role="budget", name=_BUDGETS[word])
    if factor:
        return Heading(text=text, role="factor", name=factor)
    if words & _LABELS or not words:
        return Heading(text=text, role="label")
    return Heading(text=text, role="factor", name="_".join(re.findall(r"[a-z0-9]+", _strip(text))))


def _strip(text: str) -> str:
    return re.sub(r"[*_`]{2}", "", text).strip().lower()


def _split_words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+|±|\+-", text.lower()))
