"""What a design is: it says which settings a study runs, and which of them are judged together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from detstudy.study.setting import Outcome
from detstudy.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A setting that a design asks for, by the levels in which it differs from the baseline, and its seeds."""

    levels: Mapping[str, Any]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """How a run ended that the design, or the study's baseline, asked for."""

    setting_id: str
    levels: Mapping[str, Any]  # {} for the baseline
    seed: int
    outcome: Outcome
    measures: Mapping[str, float | None]  # by flat name: mask/AP, train/seconds


class Design(Protocol):
    """Decides on settings and seeds; the baseline with the study's `baseline_seeds` is planned whatever it asks.

    One is made anew each time that it is asked: what it knows is what it is given, so that a study that was stopped
    goes on as if it had not been. What it asked for is kept in the study's folder, and reading that imports no design.
    """

    @property
    def crossed(self) -> bool:
        """Whether settings combine the levels of several factors.

        The analysis then asks whether factors depend on each other, and names a setting by all its levels.
        """

    def begin(self, study: Study, /) -> Sequence[Asked]:
        """Return what to run before anything is known, in the order in which settings are shown."""

    def go_on(self, study: Study, runs: Sequence[EndedRun], /) -> Sequence[Asked]:
        """Return what else to run, the most useful first, now that all that was asked for has ended; () is the end.

        What is asked for again is not run again.
        """

    def name_setting(self, levels: Mapping[str, Any], /) -> str:
        """Return what the setting with these levels is called, each by a name of its own."""

    def name_family(self, levels: Mapping[str, Any], /) -> str:
        """Return which settings a setting is judged together with: their intervals hold all at once."""
