"""What is said of a piece of work while it is done, and how it ended. At a worker's pipe each is a line of JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

from detstudy.ledger.causes import Reason
from detstudy.study.setting import Outcome, SplitName


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has begun."""


@dataclass(frozen=True, slots=True)
class Point:
    """The ledger has a further point of the run's curve. `seconds` are those of training."""

    kind: Literal["train", "validation"]
    iteration: int
    seconds: float
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The training goes on from this iteration; 0 is its beginning."""

    iteration: int


@dataclass(frozen=True, slots=True)
class Evaluating:
    """The run's weights are evaluated on a split."""

    split: SplitName


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The work goes on."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """A batch denser than all before is begun, in the trainer's words."""

    what: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The work can't be done here, and would end the same way if it was tried again."""

    message: str


@dataclass(frozen=True, slots=True)
class Held:
    """Another driver's worker has the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The worker ended before it could write a result of its own."""

    outcome: Outcome
    reason: Reason
    signal: int | None = None
    memory_bytes: int | None = None  # the most that it was seen to hold, where its memory is the run's


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has come to its end."""


@dataclass(frozen=True, slots=True)
class TriedAgain:
    """The worker has come to its end, and something of its task is left to be tried again."""


Ending = Ended | Held | Refused | Died
"""How a piece of work ended, as an executor says it."""

Event = Started | Point | Resumed | Evaluating | Heartbeat | AtWork | TriedAgain | Ending

_SPOKEN = {kind.__name__: kind for kind in (Point, Resumed, Evaluating, Heartbeat, AtWork, Refused)}
"""What a worker says itself."""


def encode_event(event: Event) -> str:
    """Return an event as a line of JSON."""
    return json.dumps({"event": type(event).__name__, **dataclasses.asdict(event)}) + "\n"


def decode_event(line: bytes) -> Event | None:
    """Return the event of a line that a worker wrote; None where it holds none."""
    try:
        fields = json.loads(line)
        event: Event = _SPOKEN[fields.pop("event")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return event
