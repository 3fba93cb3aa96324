"""What a trade-off and its prices carry: why times may be wrong, and why a step has no price."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SharedMachine:
    """Times of runs that shared a machine, at most so many at a time."""

    runs: int


@dataclass(frozen=True, slots=True)
class UnlikeMachines:
    """Times that come from different hardware."""

    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoPrice:
    """Why a step has no price: the interval of its gain in AP holds 0, or, without one, the noise is unknown."""

    gain: float
    interval: tuple[float, float] | None
