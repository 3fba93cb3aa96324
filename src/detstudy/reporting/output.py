"""What the verbs say with `--json`, as plain values: the shapes that docs/json.md promises to scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from detstudy.analysis import Contrast
from detstudy.auditing import Audit
from detstudy.forecast import Forecast, Suggestion
from detstudy.forecast.facts import Blind, Foresight
from detstudy.ledger import RunRecord
from detstudy.wording.exploration import say_exploratory
from detstudy.wording.say import say


def describe_run(record: RunRecord) -> dict[str, Any]:
    """Return a run of `plan`, `run` and `status`."""
    return {
        "id": record.id,
        "setting_id": record.setting_id,
        "setting": dict(record.setting),
        "seed": record.seed,
        "step": record.step,
        "state": record.state,
        "outcome": record.outcome,
        "reason": None if record.reason is None else say(record.reason),
        "again": record.again,
        "accumulation": record.effective.accumulation,
        "earlier": [{"outcome": each.outcome, "reason": say(each.reason or "")} for each in record.earlier],
        "measures": {name: measure.value for name, measure in record.measures.items()},
    }


def describe_forecast(
    forecast: Forecast, seen: Sequence[Foresight], suggestions: Sequence[Suggestion]
) -> dict[str, Any]:
    """Return what `plan --forecast` adds: costs, what can be told apart (`seen`), what to leave out."""
    rows = [
        {
            "runs": [[run.setting_id, run.seed] for run in each.runs],
            "seconds": dataclasses.asdict(each.seconds),
            "training_seconds": dataclasses.asdict(each.training_seconds),
            "peak_memory_bytes": dataclasses.asdict(each.peak_memory_bytes) if each.peak_memory_bytes else None,
            "fits": each.fits,
            "reason": None if each.reason is None else say(each.reason),
            "accumulation": each.accumulation,
        }
        for each in forecast.runs
    ]
    peak = forecast.peak_memory_bytes
    return {
        "runs": rows,
        "workers": forecast.workers,
        "total_seconds": dataclasses.asdict(forecast.total_seconds),
        "peak_memory_bytes": dataclasses.asdict(peak) if peak else None,
        "memory_limit_bytes": forecast.memory_limit,
        "fits": forecast.fits,
        "probe_seconds": forecast.probe_seconds,
        "ended": forecast.ended,
        "detectable": {each.factor: describe_foresight(each) for each in seen},
        "suggestions": [{"sentence": say(each.fact), "set": list(each.sets)} for each in suggestions],
        "notes": [say(note) for note in forecast.notes],
    }


def describe_foresight(seen: Foresight) -> dict[str, Any]:
    """Return what a factor's contrasts will be able to tell."""
    return {
        "factor": seen.factor,
        "settings": list(seen.settings),
        "seeds": list(seen.seeds),
        "units": say(seen.units),
        "detectable": None if isinstance(seen.detectable, Blind) else seen.detectable,
        "sentence": say(seen),
        "source": say(seen.noise),
    }


def describe_contrast(contrast: Contrast) -> dict[str, Any]:
    """Return the contrast of a against b in one measure."""
    return {
        "a": contrast.a_value,
        "b": contrast.b_value,
        "difference": contrast.estimate,
        "low": contrast.low,
        "high": contrast.high,
        "p": contrast.p,
        "p_randomisation": contrast.p_randomisation,
        "verdict": contrast.verdict,
        "reason": say(contrast.reason) if contrast.reason else None,
        "exploratory": say_exploratory(contrast.exploratory),
    }


def describe_contrasts(opening: str, contrasts: Mapping[str, Contrast]) -> dict[str, Any]:
    """Return what `compare` says: its opening sentence, and the contrasts by measure."""
    rows = {name: describe_contrast(contrast) for name, contrast in contrasts.items()}
    first = next(iter(contrasts.values()))
    carried = (say(fact) for contrast in contrasts.values() for fact in (*contrast.caveats, *contrast.notes))
    document = {"summary": opening, "measures": rows, "units": say(first.units), "seeds": list(first.seeds)}
    return {**document, "notes": list(dict.fromkeys(carried))}


def describe_audit(audit: Audit) -> dict[str, Any]:
    """Return what `audit` found; each finding's fact as a sentence."""
    findings = [
        {
            "rule": finding.kind.rule,
            "weight": finding.kind.weight,
            "sentence": say(finding),
            "lines": list(finding.lines),
            "rows": list(finding.rows),
            "cells": list(finding.cells),
            "chance": finding.chance,
        }
        for finding in audit.findings
    ]
    return {
        "source": audit.source,
        "rows": audit.rows,
        "results": audit.results,
        "measures": list(audit.measures),
        "findings": findings,
        "conclusions": [say(fact) for fact in audit.conclusions],
        "to_run": [say(step) for step in audit.to_run],
    }
