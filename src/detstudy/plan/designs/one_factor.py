"""Each factor varies alone: the design for "what does each of these choices do?"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.plan import naming
from detstudy.plan.designs.contract import Asked, EndedRun
from detstudy.study.study import Study


class OneFactor:
    """A setting for each level of each factor; those of a factor are judged together."""

    crossed = False

    def begin(self, study: Study) -> list[Asked]:
        """Return every level that is not the baseline's, with the study's seeds."""
        return [
            Asked(levels={factor.name: level}, seeds=study.seeds)
            for factor in study.factors
            for level in factor.levels
            if level != study.baseline[factor.name]
        ]

    def go_on(self, _study: Study, _runs: Sequence[EndedRun]) -> Sequence[Asked]:
        """Return nothing: all is asked for at once."""
        return ()

    def name_setting(self, levels: Mapping[str, Any]) -> str:
        """Return the level as name=value."""
        return naming.name_setting(levels)

    def name_family(self, levels: Mapping[str, Any]) -> str:
        """Return the factor."""
        return next(iter(levels))
