"""What a study will cost and can show, measured before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from detstudy.forecast import forecast_study, suggest_changes
from detstudy.forecast.foresight import foresee_differences
from detstudy.ledger import Ledger
from detstudy.library.run import choose_devices, make_warner
from detstudy.reporting.output import describe_forecast
from detstudy.study.study import Study

if TYPE_CHECKING:
    from rich.console import Console


def foresee_study(
    study: Study,
    folder: Path,
    console: Console,
    *,
    workers: int | None,
    deadline: float | None,
    memory: int | None,
) -> dict[str, Any]:
    """Measure a few iterations and return what is left of a study as docs/json.md's `forecast`.

    `deadline` is in seconds and `memory` in bytes; suggestions say what fits into them. Leaves nothing behind. Raises
    InputError where the study can't be trained here, and InterruptedStudyError on a signal.
    """
    plan = Ledger(folder, study).load_plan()
    devices = choose_devices(workers, make_warner(console))
    console.print(f"measuring a few iterations, {len(devices)} side by side ...")
    found = forecast_study(study, plan, folder, devices=devices, memory=memory)
    seen = foresee_differences(study, plan, folder, found.validation_images, found.validation_sequences)
    return describe_forecast(found, seen, suggest_changes(study, plan, found, deadline))
