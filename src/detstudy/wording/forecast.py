"""What a study will cost and be able to tell, in words."""

from __future__ import annotations

import math

from detstudy.forecast import facts
from detstudy.forecast.foresight import SEED_SD, UNIT_SD
from detstudy.numbers import format_ap
from detstudy.wording.labels import count
from detstudy.wording.say import phrase, say

phrase(facts.OverLimit, "needs about {need:size}, the limit is {limit:size}")
phrase(facts.ProbedSideBySide, "measured with {probes} probes side by side, as the runs will share the machine")


@say.register
def _(fact: facts.Note) -> str:
    return "memory is the process's on this CPU; on a GPU it will be another: forecast there"


@say.register
def _(fact: facts.Noise) -> str:
    if fact.assumed_on:
        return f"assumed as in the scenes study: {SEED_SD} AP over seeds, {UNIT_SD} over {say(fact.assumed_on)}"
    seeds, units = (format_ap(math.sqrt(variance)) for variance in (fact.seed, fact.unit.variance))
    return f"this study's own runs: {seeds} AP over seeds, {units} of a difference over the images"


@say.register
def _(fact: facts.Blind) -> str:
    why = {
        facts.Blind.ONE_UNIT: "one validation sequence or image gives no interval; at least two are needed",
        facts.Blind.SAME_WEIGHTS_OF_ONE_SEED: "the same weights of one seed; give two or more (seeds: [0, 1, 2])",
        facts.Blind.NO_SETTING_TWICE: "no setting has two seeds; add baseline_seeds: [0, 1, 2]",
    }
    return f"can't tell anything: {why[fact]}"


@say.register
def _(fact: facts.Foresight) -> str:
    if isinstance(fact.detectable, facts.Blind):
        return f"{fact.factor}: {say(fact.detectable)}"
    arms = f"{fact.seeds[0]} against {fact.seeds[1]} seeds on {say(fact.units)}"
    unseen = f"; {fact.matters:g} AP, which matters, will mostly go unseen" if fact.detectable > fact.matters else ""
    return (
        f"{fact.factor}: a true difference of {format_ap(fact.detectable)} in {fact.objective} shows in four of five "
        f"studies ({arms}{unseen})"
    )


@say.register
def _(fact: facts.Fit) -> str:
    return {
        facts.Fit.BASELINE_TOO_LARGE: "The baseline does not fit into memory: a smaller baseline.batch_size is needed.",
        facts.Fit.ALL_IN_TIME: "Everything ends in time.",
        facts.Fit.NOTHING_IN_TIME: "Not even one run ends in time; fewer iterations are needed.",
    }[fact]


phrase(
    facts.CombinationsTooLarge, "Some settings do not fit ({settings:list}), but each of their levels does in another."
)
phrase(facts.LevelsTooLarge, "Without the settings that do not fit ({settings:list}):")
phrase(facts.FirstInTime, "The first {trainings} of {of} trainings end in time, {last} the last:")


@say.register
def _(fact: facts.SeedsInTime) -> str:
    return f"With {count(fact.seeds, 'seed')} of every setting all end in time:"
