"""Effective values against the settings: whether what was asked for is what happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from detstudy.analysis.evidence.confounding import name_run, ran_out_of_memory
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.effective import (
    NotAsSet,
    NothingCut,
    NotTrainedAsSet,
    SameProposals,
    SameRates,
    SameValue,
    UnlikeValues,
)
from detstudy.analysis.facts.setting import About
from detstudy.ledger import RunRecord
from detstudy.study.hyperparameter import Hyperparameter, Proof
from detstudy.study.setting import Setting

Runs = Sequence[RunRecord]

RATE = {
    "learning_rate",
    "iterations",
    "schedule",
    "milestones",
    "milestone_factor",
    "warmup_iterations",
    "warmup_factor",
}
"""What the learning rate of a step follows from; a trainer that lacks one of them has its rates not judged."""

TOLERANCE = 0.05
"""Relative difference from which an effective value is not the one asked for; a rate's peak falls between steps."""

SAME = 1e-3
"""Proposals that enter are the same within this share: frames of slightly different sizes come in another order."""


def check_runs(setting: Fact, runs: Runs) -> tuple[Fact, ...]:
    """Return a note for each value that did not take effect as set, in any of the runs of a setting."""
    return tuple(About(setting, fact) for fact in dict.fromkeys(fact for run in runs for fact in check_run(run)))


def check_run(run: RunRecord) -> list[NotAsSet]:
    """Return what a run's effective values contradict in its setting; what was not recorded is not judged."""
    found = find_broken(run)
    steps, iterations = _read_number(run, "optimizer_steps"), run.setting.get("iterations")
    if steps is not None and iterations is not None and steps != iterations:
        found = list(dict.fromkeys([*found, NotAsSet("optimizer_steps", steps, iterations)]))
    for each, proof in list_proofs(run.setting, "equal"):
        if each.name == "micro_batch_size" and ran_out_of_memory(run):
            continue  # a caveat says so
        effective, asked = run.effective.get(proof.value), _ask(run.setting, each.name)
        if effective is not None and asked is not None and effective != asked:
            found.append(NotAsSet(each.name, effective, asked))
    return found


def contradict_contrast(a: Runs, b: Runs) -> Fact | None:
    """Return why the effective values of two arms allow no verdict; None where they differ as the settings do.

    The runs are finished ones. A run that was not trained as its setting says (learning rate, steps, images) is a
    reason, and so is a hyperparameter in which the settings differ and its proof doesn't: learning rate and schedule by
    the rates applied, micro-batch, precision, the RPN's cuts by the proposals counted, and what a trainer declares of
    its own. What a trainer did not record is not judged.
    """
    for run in (*a, *b):
        if broken := find_broken(run):
            return NotTrainedAsSet(name_run(run), tuple(broken))
    if not a or not b:
        return None
    return _compare_rates(a, b) or _compare_asked(a, b) or _compare_more(a, b) or _compare_cut(a, b)


def find_broken(run: RunRecord) -> list[NotAsSet]:
    """Return where a run was trained otherwise than its setting says: learning rate, steps, images.

    Steps that fp16 left out because gradients overflowed count as taken, as long as they are few.
    """
    setting = run.setting
    found: list[NotAsSet] = []
    if setting.keys() >= RATE:
        highest, expected = _read_number(run, "learning_rate_max"), find_peak_learning_rate(setting)
        if highest is not None and not math.isclose(highest, expected, rel_tol=TOLERANCE):
            found.append(NotAsSet("learning_rate_max", highest, expected))
        last, end = _read_number(run, "learning_rate_last"), compute_rate(setting, setting["iterations"] - 1)
        if not found and last is not None and abs(last - end) > TOLERANCE * expected:
            found.append(NotAsSet("learning_rate_last", last, end))
    iterations, size = setting.get("iterations"), setting.get("batch_size")
    steps, skipped = _read_number(run, "optimizer_steps"), _read_number(run, "skipped_steps") or 0
    if iterations is None or steps is None:
        return found
    if steps + skipped != iterations or skipped > TOLERANCE * iterations:
        found.append(NotAsSet("optimizer_steps", steps, iterations))
    images = _read_number(run, "images_seen")
    if images is not None and size is not None and steps == iterations:
        asked = iterations * size
        if not math.isclose(images, asked, rel_tol=TOLERANCE):
            found.append(NotAsSet("images_seen", images, asked))
    return found


def find_peak_learning_rate(setting: Setting) -> float:
    """Return the largest learning rate that the schedule applies: at its start, or where the warm-up ends."""
    return max(
        compute_rate(setting, step) for step in (0, min(setting["warmup_iterations"], setting["iterations"] - 1))
    )


def compute_rate(setting: Setting, step: int) -> float:
    """Return the learning rate of the step that follows `step` done steps, as the study's schedules define it.

    Linear from `warmup_factor` times the schedule's first value to its value where the warm-up ends, then the schedule.
    """
    warmup: int = min(setting["warmup_iterations"], setting["iterations"])
    rate: float = setting["learning_rate"]
    if step >= warmup:
        return rate * _follow_schedule(setting, step)
    start: float = setting["warmup_factor"] * _follow_schedule(setting, 0)
    end = _follow_schedule(setting, warmup)
    return rate * (start + (end - start) * step / warmup)


def _follow_schedule(setting: Setting, step: int) -> float:
    if setting["schedule"] == "constant":
        return 1.0
    if setting["schedule"] == "warmup_cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, step / setting["iterations"])))
    # a milestone at 0.7 of 200 is step 140, though 0.7 * 200 is a little less in floating point
    passed = sum(step >= milestone * setting["iterations"] - 1e-9 for milestone in setting["milestones"])
    return float(setting["milestone_factor"] ** passed)


def _compare_rates(a: Runs, b: Runs) -> Fact | None:
    """Return a reason where peak or end of the rates should differ and both are the same in all runs."""
    settings = a[0].setting, b[0].setting
    if not settings[0].keys() >= RATE:
        return None
    peaks = [find_peak_learning_rate(setting) for setting in settings]
    ends = [compute_rate(setting, setting["iterations"] - 1) for setting in settings]
    if math.isclose(*peaks, rel_tol=1e-6) and abs(ends[0] - ends[1]) < 1e-3 * max(peaks):
        return None  # milestones, say: peak and end are the same by intention
    highest, last = (_read_all((*a, *b), name) for name in ("learning_rate_max", "learning_rate_last"))
    if not _are_equal(highest) or not _are_equal(last):
        return None
    differs = settings[0]["learning_rate"] != settings[1]["learning_rate"]
    return SameRates("learning_rate" if differs else "schedule", highest[0], last[0])


def _compare_asked(a: Runs, b: Runs) -> Fact | None:
    """Return a reason where a proof is the same in both though the settings differ, or the reverse."""
    for each, proof in list_proofs(a[0].setting, "equal"):
        name, divided = each.name, each.name == "micro_batch_size"
        if divided and a[0].setting.get("batch_size") != b[0].setting.get("batch_size"):
            continue  # a trainer may split a batch that does not fit; the batch is the factor
        found_a, found_b = ({run.effective.get(proof.value) for run in runs} for runs in (a, b))
        if None in found_a | found_b:
            continue
        same = _ask(a[0].setting, name) == _ask(b[0].setting, name)
        if not same and len(found_a | found_b) == 1:
            return SameValue(name, found_a.pop())
        if same and found_a != found_b and not (divided and any(map(ran_out_of_memory, (*a, *b)))):
            first, second = (tuple(sorted(found, key=str)) for found in (found_a, found_b))
            return UnlikeValues(name, (first, second))
    return None


def _compare_more(a: Runs, b: Runs) -> Fact | None:
    """Return a reason where a larger level gave no more of its proof than the smaller one: of proposals that enter."""
    for each, proof in list_proofs(a[0].setting, "more"):
        if a[0].setting[each.name] == b[0].setting[each.name]:
            continue
        less, more = sorted((a, b), key=lambda runs: runs[0].setting[each.name])
        smaller, larger = less[0].setting[each.name], more[0].setting[each.name]
        few, many = _read_all(less, proof.value), _read_all(more, proof.value)
        if not few or not many or max(few) * (1 + SAME) < min(many):
            continue
        if proof.value != "proposals_entered":
            return SameValue(each.name, max(many))
        levels = [run.effective.anchors_per_level for run in (*a, *b)]
        anchors = [max(counts) for counts in levels if counts]
        all_low = len(anchors) == len(levels) and max(anchors) <= smaller
        return SameProposals(smaller, larger, _span(few), _span(many), max(anchors) if all_low else None)
    return None


def _compare_cut(a: Runs, b: Runs) -> Fact | None:
    """Return a reason where neither level of what cuts ever cut anything: of proposals after NMS."""
    for each, proof in list_proofs(a[0].setting, "cut"):
        before, after = _read_all((*a, *b), proof.before), _read_all((*a, *b), proof.value)
        if a[0].setting[each.name] == b[0].setting[each.name] or not before or not after:
            continue
        if all(first <= second for first, second in zip(before, after, strict=True)):
            return NothingCut(_span(before))
    return None


def list_proofs(setting: Setting, how: str) -> list[tuple[Hyperparameter, Proof]]:
    """Return the hyperparameters that have such a proof, with it."""
    return [(each, each.proof) for each in setting.hyperparameters if each.proof is not None and each.proof.how == how]


def _ask(setting: Setting, name: str) -> Any:
    """Return what a setting asks for; a micro-batch that it leaves out is the whole batch."""
    value = setting[name]
    return setting.get("batch_size") if name == "micro_batch_size" and value is None else value


def _read_number(run: RunRecord, name: str) -> float | None:
    value = run.effective.get(name)
    return value if isinstance(value, int | float) else None


def _read_all(runs: Runs, name: str) -> list[float]:
    """Return the value of each run, [] where one of them has none."""
    known = [value for run in runs if (value := _read_number(run, name)) is not None]
    return known if len(known) == len(runs) else []


def _are_equal(values: Sequence[float]) -> bool:
    return bool(values) and all(math.isclose(value, values[0], rel_tol=1e-9) for value in values)


def _span(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
