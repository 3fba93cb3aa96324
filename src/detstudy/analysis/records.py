"""What the ledger's numbers say, as facts: the analysis makes them, the report and the command line show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from detstudy.analysis.facts import Fact
from detstudy.analysis.facts.choice import Choice
from detstudy.analysis.facts.conclusion import Command
from detstudy.analysis.facts.contrast import Contrast
from detstudy.analysis.facts.convergence import GainUnclear, TooFewPoints
from detstudy.analysis.facts.cost import NoPrice, SharedMachine, UnlikeMachines
from detstudy.analysis.facts.interaction import BestLevels, EffectVerdict, NoAnalysis, TooFewLevels, TrainsNothing
from detstudy.analysis.facts.proposal import ProposalStep, Side
from detstudy.analysis.facts.setting import Accumulation
from detstudy.analysis.facts.spread import Spread
from detstudy.ledger import RunRecord
from detstudy.plan import Plan
from detstudy.study.setting import Setting
from detstudy.study.study import Study

DECAYED = 0.1
"""A learning rate below this share of its largest flattens any curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSummary:
    """A setting's errors, box or mask, over its finished seeds: counts an image by evaluation.COUNTED, at IoU 0.5."""

    score_threshold: float  # the study's operating threshold, of `counts`, `by_class` and `by_size`
    counts: dict[str, Spread]
    by_class: dict[str, dict[str, float]]  # means over seeds
    by_size: dict[str, dict[str, float]]  # small, medium, large: of the object concerned
    cost: dict[str, Spread]  # by kind of error, AP50 points, of all detections; {} without objects
    best_threshold: Spread | None  # of the highest F1, each run at its own; None where a run finds nothing
    best_f1: Spread | None  # 0 to 1
    best_counts: dict[str, Spread]  # as `counts`, at those thresholds; {} where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSummary:
    """A setting with what its runs gave."""

    id: str
    label: Fact  # SettingName
    setting: Setting
    levels: dict[str, Any]
    runs: tuple[RunRecord, ...]
    outcomes: dict[str, int]  # outcome (or "planned", "running") → runs
    reason: Fact | None  # of the first run that did not finish
    measures: dict[str, Spread]  # box/AP, ..., train/seconds, train/peak_memory_bytes, test/seconds_per_image
    undefined: dict[str, Fact]  # measure → why it has no value
    errors: dict[str, ErrorSummary]  # by "box", "mask"
    contrasts: dict[str, Contrast]  # by measure, against the baseline; {} for the baseline
    accumulation: Accumulation | None = None  # where batches were trained in parts

    @property
    def seeds_finished(self) -> int:
        """How many of its runs finished."""
        return self.outcomes.get("finished", 0)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was found or is to be run, with the section of the report that holds its numbers.

    `section` is a factor's name, "settings", "interactions", "costs" or "runs".
    """

    fact: Fact
    section: str
    command: Command | None = None  # that does what the fact proposes


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLevel:
    """A feature level's part in an image's proposals: means over images and finished seeds."""

    name: str  # "P3": a stride of 2³ pixels
    anchors: float
    entered: float  # NMS: the smaller of k and the anchors
    survived: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    """What became of the proposals at one level of a proposal factor. What was not recorded is None, () or left out."""

    level: int  # of the factor: k
    setting_id: str
    features: tuple[FeatureLevel, ...]
    entered: float | None  # of all feature levels, mean per image
    survived: float | None
    kept: float | None  # after the cut that follows NMS
    recall: dict[str, Spread]  # proposals/AR100, ..., 0 to 100, of validation images by test-time top-k
    false_positives: Spread | None  # per image, at the operating score threshold
    seconds: Spread | None  # an iteration where the factor is one of training, an image where it is one of testing


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalTable:
    """A proposal factor (an RPN top-k) explained, by rising level; levels without a finished run are left out."""

    factor: str
    side: Side  # where the factor acts, and the rows' counts were taken
    rows: tuple[ProposalRow, ...]
    steps: tuple[ProposalStep, ...]
    notes: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSummary:
    """A factor's levels in the study file's order, the baseline's among or before them."""

    name: str  # "" for the settings of all factors together
    levels: tuple[tuple[Any, str], ...]  # level, id of the setting that has it
    choice: Choice | None  # None where no run of the factor finished
    notes: tuple[Fact, ...]  # what was held fixed, what else changed with the level, what did nothing
    proposals: ProposalTable | None = None  # of a proposal factor


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePoint:
    """A setting's objective against one of its costs. Interval ends are None where the noise is unknown."""

    id: str
    label: Fact
    ap: float  # mean of the objective over seeds
    ap_error: float | None  # standard error of the difference to the best setting; 0 for the best itself
    ap_low: float | None  # the point and the 95 % interval of that difference
    ap_high: float | None
    cost: float
    cost_low: float | None  # of the 95 % interval
    cost_high: float | None
    front: bool  # no setting reaches more at no more cost
    share: float | None  # how often the choice falls here when the study is repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeGap:
    """A setting without a result, and what its runs had used when they failed, in the cost's unit."""

    label: Fact
    reason: Fact | None  # None: not measured
    cost: float | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the step from one setting of the front to the next dearer one costs for each point of AP.

    `price`, `low` and `high` are in the cost's unit an AP point; all None where `reason` says why.
    """

    cheaper: str  # the settings' ids
    dearer: str
    gain: float  # AP
    extra: float  # cost
    price: float | None = None
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    reason: NoPrice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """The objective against one cost: which settings none beats, and from where on more is not worth it."""

    measure: str  # train/seconds, train/peak_memory_bytes, test/seconds_per_image
    unit: str  # s, bytes, s an image
    objective: str
    points: tuple[TradePoint, ...]  # in the plan's order
    missing: tuple[TradeGap, ...] = ()
    best: str  # the setting with the highest mean
    choice: str | None  # the cheapest that is good enough; None where the noise is unknown and no tolerance is given
    tolerance: float | None  # AP, of the study file; None is one standard error of the difference
    saving: tuple[float, float, float] | None  # the choice's cost as a share of the best's, and its 95 % interval
    gives_up_at_most: float | None = None  # AP against the truly best setting, at 95 %
    prices: tuple[Price, ...]  # along the front, from its cheapest setting up
    unjudged: tuple[Fact, ...] = ()  # of the front, the difference to the best without a known noise; () by tolerance
    reason: Fact | None = None  # why not, of the first of them
    notes: tuple[SharedMachine | UnlikeMachines, ...]  # why times may be wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a factor, or two together, do to the objective in a grid. Without degrees of freedom there is no test."""

    objective: str
    factors: tuple[str, ...]  # one: a main effect, averaged over the other factors; two: their interaction
    sum_of_squares: float  # AP², type II
    degrees_of_freedom: int
    f: float | None
    p: float | None
    p_holm: float | None  # adjusted over the study's effects; on these validation images
    p_images: float | None  # the same with the noise of validation images counted; None where that is unknown
    omega_squared: float | None  # partial: its share of the variance, the other effects set aside
    verdict: EffectVerdict
    best: BestLevels | None  # of an interaction that is found

    @property
    def p_all(self) -> float:
        """The larger p of the two noises; 1 where there is no test."""
        return 1.0 if self.p_holm is None else max(self.p_holm, self.p_images or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """A grid analysed as a factorial: type-II analysis of variance of the objective over runs.

    `effects` are () where `reason` says why there are none.
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]  # of each factor, those with a result
    cells: dict[tuple[Any, ...], str]  # a level of each factor → the id of the setting
    effects: tuple[Effect, ...] = ()
    reason: TrainsNothing | TooFewLevels | NoAnalysis | None = None
    notes: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """A curve's verdict. Gains are of half as many iterations again, positive where the curve improves.

    They are AP where `by` is the objective, % of the loss's level where it is a loss; None where too few points were
    logged.
    """

    state: Literal["rising", "flat", "unclear"]
    by: str | None = None  # "mask/AP", "validation/loss", "training/loss"
    gain: float | None = None
    low: float | None = None  # of the 90 % interval
    high: float | None = None
    margin: float  # what the gain must reach to count, in the gain's unit
    points: int = 0  # that were judged
    start: float  # iterations between which they lie
    end: float
    stepped: bool  # the end is where the schedule lowered the learning rate, not the end of the run
    rate_left: float | None  # learning rate at the end, as a share of the run's largest
    reason: TooFewPoints | GainUnclear | None = None

    @property
    def decayed(self) -> bool:
        """Whether the learning rate had fallen so far that any curve is flat."""
        return self.rate_left is not None and self.rate_left <= DECAYED


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A whole study's conclusions. In a grid design `factors` list the levels with the others at the baseline."""

    study: Study
    plan: Plan
    settings: dict[str, SettingSummary]  # in the plan's order
    factors: tuple[FactorSummary, ...]
    choice: Choice | None  # None where nothing finished
    learned: tuple[Conclusion, ...]
    unknown: tuple[Conclusion, ...]  # what the data can't decide, and what would decide it
    next: tuple[Conclusion, ...]  # what to run to learn it
    warnings: tuple[Fact, ...]  # what looks wrong in the study: pasted rows, seeds that change nothing, shared images
    trade_offs: tuple[TradeOff, ...]  # one a cost that was measured
    factorial: Factorial | None  # of a grid
    convergences: dict[str, Convergence | None]  # by setting; None where no run finished
    units: Fact  # UnitCount
    seed_sd: float | None  # pooled, of the objective
