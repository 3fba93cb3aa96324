"""What a hyperparameter is: one declaration, from which everything that is said of it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, IsFinite, Le, Lt

LARGEST = 10**12  # of whole numbers: beyond all that is trained, and exact as a float

PositiveInt = Annotated[int, Gt(0), Le(LARGEST)]
Count = Annotated[int, Ge(0), Le(LARGEST)]
PositiveFloat = Annotated[float, Gt(0), IsFinite]
NonNegativeFloat = Annotated[float, Ge(0), IsFinite]
Fraction = Annotated[float, Ge(0), Le(1)]
OpenFraction = Annotated[float, Gt(0), Lt(1)]

Part = Literal["model", "training", "evaluation"]


class Required:
    """The default of a hyperparameter that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Which effective value of a run shows that a level took effect, and how.

    `equal`: it is the level. `more`: it is higher at a higher level. `cut`: it is lower than the value `before` where
    the level cut anything. `rate`: the largest learning rate follows from the level. `steps`, `images`: it is the
    number of iterations, of images seen.
    """

    value: str
    how: Literal["equal", "more", "cut", "rate", "steps", "images"] = "equal"
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """The declaration of a hyperparameter: every field of a run's setting is one, and can be a factor of a study."""

    name: str
    type: Any  # an annotation with its range, as pydantic reads it; values are numbers, texts, None, tuples of these
    default: Any = REQUIRED  # as a value of the type: a field added with a default changes no identity
    documentation: str = ""  # one line
    label: str = ""  # its name in words, where that is not the name's own words
    unit: str = ""
    section: Literal["model", "baseline"] = "baseline"  # of the study file
    changes: Literal["weights", "predictions", "cost"] = "weights"  # predictions: a factor that trains nothing
    costs_alike: bool = False  # an iteration takes the same time and memory at every level
    needs: tuple[str, Any] | None = None  # another hyperparameter's value, without which it changes nothing
    proof: Proof | None = None
    slug: str | Mapping[str, str] = ""  # in a run's folder: a format, or the words of those levels that have one
    speaks: bool = False  # its levels say what they are: "warmup cosine" needs no "schedule"

    @property
    def part(self) -> Part:
        """The part of a setting that it stands in: only evaluation leaves the weights as they are."""
        if self.changes == "predictions":
            return "evaluation"
        return "model" if self.section == "model" else "training"
