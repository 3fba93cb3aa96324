"""What a run is: frozen facts about its data and its hyperparameters, importable by every package (no torch)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from detstudy.study.extension import Extension
from detstudy.study.hyperparameter import REQUIRED, Count, Hyperparameter, Part, PositiveInt

Outcome = Literal["finished", "out_of_memory", "diverged", "timed_out", "crashed", "stopped_early", "interrupted"]
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSplit:
    """One split of a COCO data set; both paths are absolute or relative to the data's root."""

    annotations: str
    images: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoData:
    """A data set in COCO JSON."""

    format: Literal["coco"] = "coco"
    root: str
    train: CocoSplit
    validation: CocoSplit
    test: CocoSplit | None = None
    sequence_field: str | None = None  # an image's key that names its sequence
    sequence_pattern: str | None = None  # regular expression on file names; its first group names the sequence

    def find_faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with values together or by themselves, by key."""
        if self.sequence_pattern is None:
            return []
        try:
            grouped = compile_sequence_pattern(self.sequence_pattern).groups
        except re.error as error:
            return [("sequence_pattern", f"not a regular expression: {error}")]
        faults = [] if grouped else [("sequence_pattern", "a group in parentheses must name the sequence")]
        if self.sequence_field is not None:
            faults.append(("sequence_pattern", "stands beside sequence_field; keep one of them"))
        return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class KittiMotsData:
    """A data set in KITTI-MOTS's layout; splits are lists of sequences.

    Where neither train nor validation is listed it is the official split; where one is, the rest makes the other.
    """

    format: Literal["kitti_mots"] = "kitti_mots"
    root: str
    train: tuple[Count, ...] | None = None
    validation: tuple[Count, ...] | None = None
    test: tuple[Count, ...] | None = None

    def find_faults(self) -> list[tuple[str, str]]:
        """Return none: whether sequences are there is seen in the data."""
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """A data set in somebody's own format, whose class knows what the keys of the section mean."""

    format: Extension
    root: str
    test: object = None  # what the section says of a test split
    section: dict[str, Any] = field(default_factory=dict)  # the other keys


DataSetting = CocoData | KittiMotsData | OwnData
FORMATS: dict[str, type[CocoData | KittiMotsData]] = {"coco": CocoData, "kitti_mots": KittiMotsData}


def compile_sequence_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression. Raises re.error for what is none, and for what is beyond its compiler."""
    try:
        return re.compile(pattern)
    except (OverflowError, ValueError, RecursionError) as error:
        raise re.error(str(error)) from None


class Setting(Mapping[str, Any]):
    """A full assignment of a trainer's hyperparameters, by name: frozen, and the same where its non-defaults are.

    `trainer` tells other trainers from the default, whose hyperparameters of the same names do something else.
    A name that the trainer does not have is a KeyError; `get` asks whether it has one.
    """

    __slots__ = ("_values", "hyperparameters", "non_defaults", "trainer")

    _values: dict[str, Any]
    hyperparameters: tuple[Hyperparameter, ...]
    trainer: str
    non_defaults: dict[str, Any]  # by name, in the order of the declarations

    def __init__(
        self, hyperparameters: Iterable[Hyperparameter], values: Mapping[str, Any], *, trainer: str = ""
    ) -> None:
        """Take the values given, and defaults for the rest. Raises KeyError for unknown names and missing values."""
        declared = tuple(hyperparameters)
        found = {each.name: values.get(each.name, each.default) for each in declared}
        wrong = [*(values.keys() - found.keys()), *(name for name, value in found.items() if value is REQUIRED)]
        if wrong:
            raise KeyError(", ".join(wrong))
        object.__setattr__(self, "hyperparameters", declared)
        object.__setattr__(self, "trainer", trainer)
        object.__setattr__(self, "_values", found)
        differing = {each.name: found[each.name] for each in declared if found[each.name] != each.default}
        object.__setattr__(self, "non_defaults", differing)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a setting is frozen: {name} can't be set; replace makes another")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Setting):
            return NotImplemented
        return (self.trainer, self.non_defaults) == (other.trainer, other.non_defaults)

    def __hash__(self) -> int:
        return hash((self.trainer, frozenset(self.non_defaults.items())))

    def __repr__(self) -> str:
        return f"Setting({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def replace(self, **values: Any) -> Setting:
        """Return the setting with other values. Raises KeyError for a name that the trainer does not have."""
        return Setting(self.hyperparameters, {**self, **values}, trainer=self.trainer)

    def keep(self, wanted: Callable[[Hyperparameter], bool]) -> Setting:
        """Return what the setting says of the hyperparameters that are wanted."""
        kept = [each for each in self.hyperparameters if wanted(each)]
        return Setting(kept, {each.name: self[each.name] for each in kept}, trainer=self.trainer)

    def part(self, part: Part) -> Setting:
        """Return the hyperparameters of the model, of training or of evaluation."""
        return self.keep(lambda each: each.part == part)

    @property
    def trained(self) -> Setting:
        """What determines the weights: settings that share it share a training."""
        return self.keep(lambda each: each.part != "evaluation")

    def declaration(self, name: str) -> Hyperparameter:
        """Return what is declared of a hyperparameter. Raises KeyError."""
        for each in self.hyperparameters:
            if each.name == name:
                return each
        raise KeyError(name)

    def list_parts(self) -> dict[Part, dict[str, Any]]:
        """Return the values by part, as the ledger keeps them."""
        return {part: dict(self.part(part)) for part in get_args(Part)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """How a run is watched; changes nothing in its result."""

    log_every: PositiveInt = 20  # iterations
    validate_every: PositiveInt | None = None  # iterations between validations (loss and AP); None is only at the end
    validation_images: PositiveInt | None = None  # of a validation during training; None is the whole split
    checkpoint_every: PositiveInt = 200  # iterations


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measured value, or None with the reason why there is none."""

    name: str  # box/AP, mask/APs, train/seconds, ...
    value: float | None
    unit: str  # AP (0 to 100), s, bytes, count, ...
    reason: str | None = None
