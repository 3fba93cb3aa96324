"""What the labels and columns of a published table say of its settings, and where they contradict each other."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from detstudy.auditing.finding import Finding, Kind, find
from detstudy.auditing.published import Claim, PublishedTable, Row
from detstudy.study.standard import STANDARD

COST_FREE = frozenset(each.name for each in STANDARD if each.costs_alike and each.name != "iterations")
"""Factors that leave the work of an iteration, and how many there are, as they are."""

Setting = frozenset[tuple[str, float | str]]

_BASELINE = re.compile(r"(?i)\b(baseline|default|reference)\b")
_PLAIN_NAME = re.compile(
    r"(?i)^\W*((the )?(baseline|default|reference)|(run|exp|experiment|setting|config)?[\s_#-]*\d+)\W*$"
)


def find_disagreeing_labels(table: PublishedTable) -> list[Finding]:
    """Return rows whose columns or labels give one factor several levels."""
    findings = []
    for row in table.rows:
        for factor in dict.fromkeys(claim.factor for claim in row.claims):
            claims = [claim for claim in row.claims if claim.factor == factor]
            if all(_agree(claims[0], claim) for claim in claims):
                continue
            texts = tuple((claim.text, claim.column) for claim in claims)
            findings.append(find(Kind.LABELS_DISAGREE, [row], [factor], factor=factor, claims=texts))
    return findings


def find_one_setting_twice(table: PublishedTable) -> list[Finding]:
    """Return rows of one setting, by their labels and levels, that tell no seeds: with other numbers, or the same."""
    keys = identify_settings(table)
    groups: dict[Setting, list[Row]] = {}
    for row in table.rows:
        if row.values and row.line in keys:
            groups.setdefault(keys[row.line], []).append(row)
    findings = []
    for rows in groups.values():
        if len(rows) < 2 or _have_own_seeds(rows):
            continue
        common = [name for name in table.measures if all(name in row.values for row in rows)]
        differ = [name for name in common if len({row.values[name] for row in rows}) > 1]
        if not differ:
            findings.append(find(Kind.ONE_RESULT_TWICE, rows, common, times=len(rows)))
            continue
        values = tuple(row.values[differ[0]] for row in rows)
        findings.append(find(Kind.ONE_SETTING_TWICE, rows, differ, measure=differ[0], values=values))
    return findings


def find_idle_times(table: PublishedTable) -> list[Finding]:
    """Return rows whose time is 5 % off the baseline's though only factors differ that change no iteration's work."""
    baseline = find_baseline(table)
    if baseline is None or baseline.seconds is None:
        return []
    found = []
    for row in table.rows:
        differing = list_differing(row, baseline)
        idle = bool(differing) and differing <= COST_FREE and row.budget == baseline.budget
        if idle and row.seconds and abs(row.seconds / baseline.seconds - 1) > 0.05:
            found.append(row)
    if not found:
        return []
    times = tuple((row.label, row.seconds) for row in found if row.seconds)
    return [find(Kind.IDLE_TIMES, [*found, baseline], ["time"], times=times, baseline=baseline.seconds)]


def identify_settings(table: PublishedTable) -> dict[int, Setting]:
    """Return by line what a row's setting is: its levels, and names that say more than "baseline" or "run 3".

    Rows that name neither are left out. Where one row names the levels of all factors and each other row a single one,
    as in a table that varies one factor at a time, a row whose level is that row's is the same setting.
    """
    settings = {}
    for row in table.rows:
        names = [re.sub(r"\W+", " ", name.lower()).strip() for name in row.names if not _PLAIN_NAME.search(name)]
        if names or row.levels:
            settings[row.line] = frozenset([*row.levels.items(), *(("name", name) for name in names)])
        elif row.names:
            settings[row.line] = frozenset([("name", row.names[0].lower())])
    full = max(settings.values(), key=len, default=frozenset())
    others = [setting for setting in settings.values() if setting != full]
    factors = {name for name, _ in full}
    if (
        len(full) > 1
        and all(len(setting) == 1 and {name for name, _ in setting} <= factors for setting in others)
        and all(any(name in dict(setting) and not setting <= full for setting in others) for name in factors)
    ):
        return {line: full if setting <= full else setting for line, setting in settings.items()}
    return settings


def are_one_setting(rows: Sequence[Row], settings: dict[int, Setting]) -> bool:
    """Whether rows say that they are one setting, and not that they are different seeds of it."""
    keys = {settings.get(row.line) for row in rows}
    return len(keys) == 1 and None not in keys and not _have_own_seeds(rows)


def find_baseline(table: PublishedTable) -> Row | None:
    """Return the row that the others are compared with: called so, else naming most levels, else nearest to all."""
    rows = [row for row in table.rows if row.values]

    def rate(row: Row) -> tuple[bool, int, int]:
        named = any(_BASELINE.search(name) for name in (*row.names, row.label))
        return named, len(row.levels), -sum(len(list_differing(other, row)) for other in rows)

    return max(rows, key=rate, default=None)


def list_differing(row: Row, baseline: Row) -> frozenset[str]:
    """Return the factors that a row sets otherwise than the baseline; of a factor that only one of them names, too."""
    own, other = row.levels, baseline.levels
    return frozenset(name for name in own if own[name] != other.get(name))


def _have_own_seeds(rows: Sequence[Row]) -> bool:
    seeds = {row.seed for row in rows}
    return None not in seeds and len(seeds) == len(rows)


def _agree(a: Claim, b: Claim) -> bool:
    if isinstance(a.level, float) and isinstance(b.level, float):
        return math.isclose(a.level, b.level, rel_tol=1e-9)
    return a.level == b.level
