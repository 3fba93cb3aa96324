"""What goes with a verdict in the objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from detstudy.analysis.contrasts.arm import Arm
from detstudy.analysis.evidence.evidence import Evidence, share_weights
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.note import Remedy
from detstudy.analysis.findings.convergence import find_improving
from detstudy.analysis.findings.errors import summarise_kinds
from detstudy.analysis.records import Convergence


def complete_contrast(
    evidence: Evidence,
    a: Arm,
    b: Arm,
    contrast: Contrast,
    convergences: Mapping[str, Convergence | None],
    remedy: Remedy | None,
) -> Contrast:
    """Add what goes with a verdict: an arm that was still rising, the kinds of error that differ, what would tell."""
    if contrast.verdict is None:
        return contrast
    rising = None
    if not share_weights(a.finished[0].setting, b.finished[0].setting):
        rising = find_improving({contrast.a: a.label, contrast.b: b.label}, contrast, convergences)
    return dataclasses.replace(
        contrast,
        caveats=(*contrast.caveats, rising) if rising else contrast.caveats,
        kinds=summarise_kinds(evidence, a, b),
        remedy=remedy,
    )
