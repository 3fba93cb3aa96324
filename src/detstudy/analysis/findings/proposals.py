"""Why a proposal factor does what it does: proposals by feature level, their recall, and the price of each step."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.records import FeatureLevel, ProposalRow, ProposalStep, ProposalTable, SettingSummary, Spread
from detstudy.analysis.statistics.spread import spread_values
from detstudy.evaluation import RECALL_MEASURES
from detstudy.ledger import RunRecord
from detstudy.numbers import format_change, format_rate_change, format_time_change
from detstudy.wording.labels import count, join_words, label_factor

FACTORS: dict[str, Literal["training", "test"]] = {
    "rpn_pre_nms_top_n_train": "training",
    "rpn_post_nms_top_n_train": "training",
    "rpn_pre_nms_top_n_test": "test",
    "rpn_post_nms_top_n_test": "test",
}
RECALL = "proposals/AR1000"
CUT = "rpn_post_nms_top_n_test"


def tabulate_proposals(
    evidence: Evidence, factor: str, levels: Sequence[tuple[Any, str]], settings: Mapping[str, SettingSummary]
) -> ProposalTable | None:
    """Return a proposal factor's table; None for any other factor, and where no run has finished.

    `levels` are pairs of level and setting id. Spreads are over seeds. Seconds are the training time an optimizer step
    for factors of training, and the prediction time an image for those of testing.
    """
    side = FACTORS.get(factor)
    if side is None:
        return None
    rows = [
        _make_row(evidence, side, level, settings[id_]) for level, id_ in sorted(levels) if settings[id_].seeds_finished
    ]
    if not rows:
        return None
    steps = [_make_step(low, high) for low, high in itertools.pairwise(rows)]
    cut = settings[rows[0].setting_id].setting["rpn_post_nms_top_n_test"]
    sentences = [
        *_describe_counts(factor, side, rows),
        *(_describe_saturation(rows) if "pre_nms" in factor else ()),
        *_describe_recall(rows, steps),
        *(_describe_cut(cut, rows) if factor != CUT else ()),
        *itertools.chain.from_iterable(_describe_step(evidence, side, step) for step in steps),
    ]
    return ProposalTable(factor=factor, side=side, rows=tuple(rows), steps=tuple(steps), sentences=tuple(sentences))


def _make_row(evidence: Evidence, side: str, level: int, summary: SettingSummary) -> ProposalRow:
    wrong = f"{evidence.study.objective.split('/')[0]}/errors/false_positives"
    runs = [run for run in summary.runs if run.outcome == "finished"]
    totals = {
        name: _average(_read_total(run, side, f"proposals_{name}") for run in runs)
        for name in ("entered", "survived", "kept")
    }
    return ProposalRow(
        level=level,
        setting_id=summary.id,
        features=_average_features([_read_features(run, side) for run in runs]),
        **totals,
        recall={name: summary.measures[name] for name in RECALL_MEASURES if name in summary.measures},
        false_positives=spread_values({run.seed: evidence.value(run, wrong) for run in runs}),
        seconds=spread_values({run.seed: _read_seconds(run, side) for run in runs}),
    )


def _make_step(low: ProposalRow, high: ProposalRow) -> ProposalStep:
    return ProposalStep(
        low=low.level,
        high=high.level,
        recall=_subtract(high.recall.get(RECALL), low.recall.get(RECALL)),
        false_positives=_subtract(high.false_positives, low.false_positives),
        seconds=_subtract(high.seconds, low.seconds),
    )


# -- what a run recorded ---------------------------------------------------------------------------------------------


def _read_total(run: RunRecord, side: str, name: str) -> float | None:
    return run.effective.get(name) if side == "training" else read_value(run, f"test/{name}")


def _read_features(run: RunRecord, side: str) -> list[FeatureLevel]:
    """Return a run's feature levels, finest first; [] where it did not record them."""
    if side == "training":
        names = run.effective.get("feature_levels", [])
        columns = [
            run.effective.get(key, [])
            for key in ("anchors_per_level", "proposals_entered_per_level", "proposals_survived_per_level")
        ]
    else:
        start = "test/anchors_"
        names = [name.removeprefix(start) for name in run.measures if name.startswith(start)]
        columns = [
            [read_value(run, f"test/{key}_{name}") for name in names]
            for key in ("anchors", "proposals_entered", "proposals_survived")
        ]
    return [
        FeatureLevel(name=name, anchors=anchors, entered=entered, survived=survived)
        for name, anchors, entered, survived in zip(names, *columns, strict=False)
        if None not in (anchors, entered, survived)
    ]


def _read_seconds(run: RunRecord, side: str) -> float | None:
    if side == "test":
        return read_value(run, "test/seconds_per_image")
    seconds, steps = read_value(run, "train/seconds"), run.effective.get("optimizer_steps")
    return seconds / steps if seconds is not None and steps else None


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _average_features(found: list[list[FeatureLevel]]) -> tuple[FeatureLevel, ...]:
    """Return the means over runs that recorded the same levels as the first."""
    found = [features for features in found if [f.name for f in features] == [f.name for f in found[0]]]
    return tuple(
        FeatureLevel(
            name=same[0].name,
            anchors=statistics.fmean(feature.anchors for feature in same),
            entered=statistics.fmean(feature.entered for feature in same),
            survived=statistics.fmean(feature.survived for feature in same),
        )
        for same in zip(*found, strict=True)
    )


def _subtract(a: Spread | None, b: Spread | None) -> Spread | None:
    """Return a - b over the seeds that both have; None where they have none in common."""
    if a is None or b is None:
        return None
    return spread_values({seed: value - b.values[seed] for seed, value in a.values.items() if seed in b.values})


# -- sentences -------------------------------------------------------------------------------------------------------


def _describe_counts(factor: str, side: str, rows: Sequence[ProposalRow]) -> list[str]:
    """Return the proposals that entered, survived and were kept at each level, and levels that were the same."""
    known = [row for row in rows if row.entered is not None and row.survived is not None]
    if not known:
        return []
    cut = "post_nms" in factor
    where = "in training" if side == "training" else "at test time"
    listed = "; ".join(
        f"{row.level}: {row.entered:,.0f} entered, {row.survived:,.0f} survived"
        + (f", {row.kept:,.0f} kept by the cut after it" if cut and row.kept is not None else "")
        for row in known
    )
    notes = [f"Proposals an image that entered NMS {where} and survived it, mean: {listed}."]
    for low, high in itertools.pairwise(known):
        a, b = (low.kept, high.kept) if cut else (low.entered, high.entered)
        if a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9):
            did = "keep the same number of proposals" if cut else "let the same number of proposals in"
            notes.append(f"{low.level} and {high.level} {did}: between them the level did nothing.")
    return notes


def _describe_saturation(rows: Sequence[ProposalRow]) -> list[str]:
    """Return which feature levels have fewer anchors than the largest k: above that, k changes nothing there."""
    features = next((row.features for row in reversed(rows) if row.features), ())
    if not features:
        return []
    largest = rows[-1].level
    full = [feature for feature in features if feature.anchors <= largest]
    open_ = [feature.name for feature in features if feature not in full]
    if not full:
        least = min(features, key=lambda feature: feature.anchors)
        return [
            f"No feature level is saturated: {least.name} has the fewest anchors an image, {least.anchors:,.0f}, and "
            f"the largest k is {largest:,}."
        ]
    anchors = join_words([f"{feature.anchors:,.0f}" for feature in full])
    have = "has" if len(full) == 1 else "have"
    last = max(feature.anchors for feature in full)
    verb = "reacts" if len(open_) == 1 else "react"
    rest = f"only {join_words(open_)} {verb}" if open_ else "k changes nothing at all"
    return [
        f"{join_words([feature.name for feature in full])} {have} {anchors} anchors an image: above that, k changes "
        f"nothing there; from {last:,.0f} on {rest}."
    ]


def _describe_recall(rows: Sequence[ProposalRow], steps: Sequence[ProposalStep]) -> list[str]:
    """Return the recall at each level, and by how much the last step changes it."""
    known = [row for row in rows if RECALL in row.recall]
    if not known:
        return []
    listed = ", ".join(f"{row.recall[RECALL].mean:.1f} at {row.level:,}" for row in known)
    text = f"Objects covered by proposals (proposal AR1000, 0 to 100): {listed}"
    last = steps[-1] if steps else None
    if last and last.recall:
        text += f"; the step from {last.low:,} to {last.high:,} changes it by {_show(last.recall, format_change)}"
    return [f"{text}."]


def _describe_cut(cut: int, rows: Sequence[ProposalRow]) -> list[str]:
    """Return which recalls see fewer proposals than their name says, since the cut after NMS leaves fewer."""
    limits = dict.fromkeys(limit for _, limit in RECALL_MEASURES.values() if cut < limit)
    if not limits or not any(row.recall for row in rows):
        return []
    see = "sees" if len(limits) == 1 else "see"
    names = join_words([f"AR{limit}" for limit in limits])
    return [f"Proposal {names} {see} at most {cut:,} proposals an image: {label_factor(CUT)} is {cut:,}."]


def _describe_step(evidence: Evidence, side: str, step: ProposalStep) -> list[str]:
    """Return what a step adds in time and false positives."""
    parts = []
    if step.seconds:
        what = "training time an iteration" if side == "training" else "prediction time an image"
        parts.append(f"{what} {_show(step.seconds, format_time_change)}")
    if step.false_positives:
        kind = evidence.study.objective.split("/")[0]
        parts.append(f"{kind} false positives an image {_show(step.false_positives, format_rate_change)}")
    return [f"From {step.low:,} to {step.high:,}: {'; '.join(parts)}."] if parts else []


def _show(difference: Spread, form: Callable[[float], str]) -> str:
    """Return a difference with its standard deviation over seeds: "+0.4 ± 0.1 (3 seeds)"."""
    seeds = count(len(difference.values), "seed")
    spread = "" if difference.sd is None else f" ± {form(difference.sd).removeprefix('+')}"
    return f"{form(difference.mean)}{spread} ({seeds})"
