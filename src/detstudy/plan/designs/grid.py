"""Every combination of levels: the design for "does the best level of one factor depend on another?"."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.plan import naming
from detstudy.plan.designs.contract import Asked, EndedRun
from detstudy.study.study import Study


class Grid:
    """A setting for each combination; all are judged together, since all are compared."""

    crossed = True

    def begin(self, study: Study) -> list[Asked]:
        """Return every combination but the baseline's, with the study's seeds."""
        own = {factor.name: study.baseline[factor.name] for factor in study.factors}
        combinations = itertools.product(*(factor.levels for factor in study.factors))
        differing = [
            {name: level for name, level in zip(own, levels, strict=True) if level != own[name]}
            for levels in combinations
        ]
        return [Asked(levels=levels, seeds=study.seeds) for levels in differing if levels]

    def go_on(self, _study: Study, _runs: Sequence[EndedRun]) -> Sequence[Asked]:
        """Return nothing: all is asked for at once."""
        return ()

    def name_setting(self, levels: Mapping[str, Any]) -> str:
        """Return the levels as name=value, sorted by name."""
        return naming.name_setting(levels)

    def name_family(self, _levels: Mapping[str, Any]) -> str:
        """Return the one family that there is."""
        return "grid"
