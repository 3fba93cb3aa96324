"""What kinds of error a setting makes, and in which of them two settings differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from detstudy.analysis.contrasts.arm import Pair, contrast_family
from detstudy.analysis.evidence.evidence import Evidence
from detstudy.analysis.facts.contrast import Contrast, ErrorKinds, KindChange
from detstudy.analysis.facts.spread import Spread, spread_values
from detstudy.analysis.records import ErrorSummary
from detstudy.analysis.statistics.contrast import ALPHA
from detstudy.analysis.statistics.factorial import adjust_by_holm
from detstudy.evaluation import (
    COUNTED,
    ERROR_KINDS,
    SIZE_BANDS,
    ErrorCounts,
    Kind,
    Matches,
    count_errors,
    find_best_threshold,
)
from detstudy.ledger import RunRecord

SIZES = SIZE_BANDS[1:]
UNCHANGED = 0.1
"""Share of all the other setting's errors within which the 95 % interval must lie for a kind to be called unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindDifference:
    """How two settings differ in a kind of error: the contrast of its counts an image, and the sizes that account."""

    name: str
    contrast: Contrast
    p_holm: float  # over the kinds judged
    sizes: tuple[tuple[str, Contrast], ...]  # those that differ by themselves
    bound: float  # an image: what the 95 % interval must stay below to be called unchanged

    @property
    def state(self) -> Literal["differs", "unchanged", "open"]:
        """Whether the two differ, all kinds looked at taken into account, or can't by much."""
        if self.p_holm < ALPHA:
            return "differs"
        return "unchanged" if find_reach(self.contrast) < self.bound else "open"


def summarise_errors(evidence: Evidence, runs: Sequence[RunRecord]) -> dict[str, ErrorSummary]:
    """Return the errors of a setting's finished runs by box and mask; {} where some run's matches can't be had."""
    tables = {run.seed: evidence.tables(run) for run in runs}
    known = {seed: found for seed, found in tables.items() if found}
    if not known or len(known) < len(tables):
        return {}
    kinds = [kind for kind in next(iter(known.values())) if all(kind in found for found in known.values())]
    return {kind: _summarise_kind(evidence, runs, known, kind) for kind in kinds}


def _summarise_kind(
    evidence: Evidence,
    runs: Sequence[RunRecord],
    tables: Mapping[int, dict[Kind, Matches]],
    kind: Kind,
) -> ErrorSummary:
    threshold = evidence.study.operating_score_threshold
    of_kind = {seed: matches[kind] for seed, matches in tables.items()}
    counts = {seed: count_errors(matches, threshold) for seed, matches in of_kind.items()}
    names = next(iter(of_kind.values())).category_names
    best = {seed: find_best_threshold(matches) for seed, matches in of_kind.items()}
    found = {seed: threshold for seed, threshold in best.items() if threshold}
    complete = found if len(found) == len(best) else {}
    costs = {
        name: spread_values({run.seed: evidence.value(run, f"{kind}/cost/{name}") for run in runs})
        for name in ERROR_KINDS
    }
    return ErrorSummary(
        score_threshold=threshold,
        counts=_spread_counts(counts),
        by_class={name: _average_counts(counts.values(), 0, k) for k, name in enumerate(names)},
        by_size={size: _average_counts(counts.values(), band, None) for band, size in enumerate(SIZES, start=1)},
        cost={name: spread for name, spread in costs.items() if spread},
        best_threshold=spread_values({seed: one.score_threshold for seed, one in complete.items()}),
        best_f1=spread_values({seed: one.f1 for seed, one in complete.items()}),
        best_counts=_spread_counts(
            {seed: count_errors(of_kind[seed], one.score_threshold) for seed, one in complete.items()}
        ),
    )


def _spread_counts(counts: Mapping[int, ErrorCounts]) -> dict[str, Spread]:
    rates = {seed: _average_counts([one], 0, None) for seed, one in counts.items()}
    spreads = {name: spread_values({seed: rate[name] for seed, rate in rates.items()}) for name in COUNTED}
    return {name: spread for name, spread in spreads.items() if spread}


def _average_counts(counts: Iterable[ErrorCounts], band: int, of_class: int | None) -> dict[str, float]:
    """Return counts an image by name, averaged over runs, in a size band, of one class or all."""
    chosen = slice(None) if of_class is None else slice(of_class, of_class + 1)
    rates = [one.by_class[:, band, chosen].sum(axis=1) / max(1, one.by_image.shape[2]) for one in counts]
    return dict(zip(COUNTED, (sum(rates) / len(rates)).tolist(), strict=True))


def compare_kinds(evidence: Evidence, pair: Pair) -> list[KindDifference]:
    """Return the difference of two arms in each kind of error, in counts an image at the operating threshold.

    Each is judged as a difference of AP is, with Holm's rule over the kinds; a kind that differs has the sizes where
    their own p passes Bonferroni's bound over all kinds and sizes. Kinds that can't be judged, and those that neither
    setting makes, are left out.
    """
    prefix = f"{evidence.study.objective.split('/')[0]}/errors"
    contrasts = {name: contrast_family(evidence, [pair], f"{prefix}/{name}")[0] for name in ERROR_KINDS}
    bound = UNCHANGED * sum(contrast.b_value or 0.0 for contrast in contrasts.values())
    judged = [(name, contrast, contrast.p) for name, contrast in contrasts.items() if contrast.p is not None]
    adjusted = adjust_by_holm([p for _, _, p in judged])
    found = []
    for (name, contrast, _), p_holm in zip(judged, adjusted, strict=True):
        sizes = []
        if p_holm < ALPHA:
            for size in SIZES:
                (one,) = contrast_family(evidence, [pair], f"{prefix}/{name}/{size}")
                if one.p is not None and one.p * len(judged) * len(SIZES) < ALPHA:
                    sizes.append((size, one))
        found.append(KindDifference(name=name, contrast=contrast, p_holm=p_holm, sizes=tuple(sizes), bound=bound))
    return found


def summarise_kinds(evidence: Evidence, pair: Pair) -> ErrorKinds | None:
    """Return in which kinds of error two arms differ; None where none can be judged.

    Kinds that make less than a tenth of the errors in both are named only where they differ.
    """
    kinds = compare_kinds(evidence, pair)
    if not kinds:
        return None
    common = [kind for kind in kinds if max(kind.contrast.a_value or 0.0, kind.contrast.b_value or 0.0) >= kind.bound]
    same = [kind for kind in common if kind.state == "unchanged"]
    return ErrorKinds(
        score_threshold=evidence.study.operating_score_threshold,
        changed=tuple(_name_change(kind) for kind in kinds if kind.state == "differs"),
        unchanged=tuple(kind.name for kind in same),
        reach=max((find_reach(kind.contrast) for kind in same), default=0.0),
        unsure=tuple(kind.name for kind in common if kind.state == "open"),
    )


def _name_change(kind: KindDifference) -> KindChange:
    contrast = kind.sizes[0][1] if len(kind.sizes) == 1 else kind.contrast
    assert contrast.estimate is not None
    assert contrast.low is not None
    assert contrast.high is not None
    sizes = tuple(size for size, _ in kind.sizes)
    return KindChange(kind.name, sizes, contrast.estimate, contrast.low, contrast.high)


def find_reach(contrast: Contrast) -> float:
    """Return how far from 0 the 95 % interval reaches; infinite where there is none."""
    if contrast.low is None or contrast.high is None:
        return float("inf")
    return max(abs(contrast.low), abs(contrast.high))
