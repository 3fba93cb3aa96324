"""Why a proposal factor does what it does: proposals by feature level, their recall, and the price of each step."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from detstudy.analysis.evidence.evidence import Evidence, read_value
from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.proposal import (
    LevelIdle,
    NoSaturation,
    ProposalCounts,
    ProposalStep,
    RecallByLevel,
    RecallCut,
    Saturation,
    Side,
    StepCost,
)
from detstudy.analysis.facts.spread import Spread, spread_values
from detstudy.analysis.records import FeatureLevel, ProposalRow, ProposalTable, SettingSummary
from detstudy.evaluation import RECALL_MEASURES
from detstudy.ledger import RunRecord

FACTORS: dict[str, Side] = {
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
    cut = settings[rows[0].setting_id].setting.get("rpn_post_nms_top_n_test")
    kind = evidence.study.objective.split("/")[0]
    notes = (
        *_count_proposals(factor, side, rows),
        *(_find_saturation(rows) if "pre_nms" in factor else ()),
        *_list_recall(rows, steps),
        *(_find_cut(cut, rows) if factor != CUT and cut is not None else ()),
        *(StepCost(step, side, kind) for step in steps if step.seconds or step.false_positives),
    )
    return ProposalTable(factor=factor, side=side, rows=tuple(rows), steps=tuple(steps), notes=notes)


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
        found = run.effective
        names: Sequence[str] = found.feature_levels
        columns: list[Sequence[float | None]] = [
            found.anchors_per_level,
            found.proposals_entered_per_level,
            found.proposals_survived_per_level,
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
    seconds, steps = read_value(run, "train/seconds"), run.effective.optimizer_steps
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


# -- what is found ----------------------------------------------------------------------------------------------------


def _count_proposals(factor: str, side: Side, rows: Sequence[ProposalRow]) -> Iterator[Fact]:
    """Give the proposals that entered, survived and were kept at each level, and levels that were the same."""
    known = [row for row in rows if row.entered is not None and row.survived is not None]
    if not known:
        return
    cut = "post_nms" in factor
    yield ProposalCounts(
        side,
        tuple((row.level, row.entered or 0.0, row.survived or 0.0, row.kept if cut else None) for row in known),
    )
    for low, high in itertools.pairwise(known):
        a, b = (low.kept, high.kept) if cut else (low.entered, high.entered)
        if a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9):
            yield LevelIdle(low.level, high.level, keeps=cut)


def _find_saturation(rows: Sequence[ProposalRow]) -> Iterator[Fact]:
    """Give which feature levels have fewer anchors than the largest k: above that, k changes nothing there."""
    features = next((row.features for row in reversed(rows) if row.features), ())
    if not features:
        return
    largest = rows[-1].level
    full = tuple((feature.name, feature.anchors) for feature in features if feature.anchors <= largest)
    if full:
        yield Saturation(full, tuple(feature.name for feature in features if feature.anchors > largest))
    else:
        least = min(features, key=lambda feature: feature.anchors)
        yield NoSaturation(least.name, least.anchors, largest)


def _list_recall(rows: Sequence[ProposalRow], steps: Sequence[ProposalStep]) -> Iterator[Fact]:
    """Give the recall at each level, and by how much the last step changes it."""
    known = tuple((row.level, row.recall[RECALL].mean) for row in rows if RECALL in row.recall)
    if known:
        yield RecallByLevel(known, steps[-1] if steps and steps[-1].recall else None)


def _find_cut(cut: int, rows: Sequence[ProposalRow]) -> Iterator[Fact]:
    """Give which recalls see fewer proposals than their name says, since the cut after NMS leaves fewer."""
    limits = dict.fromkeys(limit for _, limit in RECALL_MEASURES.values() if cut < limit)
    if limits and any(row.recall for row in rows):
        yield RecallCut(tuple(limits), CUT, cut)
