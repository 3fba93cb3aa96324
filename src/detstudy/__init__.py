"""Hyperparameter studies of object detectors and instance segmenters, with conclusions that the data support.

`__all__` is the programming interface, and `detstudy --help` the command line, which calls it. Importing this is cheap:
a name is loaded when it is first asked for, and torch by nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detstudy.errors import InputError
    from detstudy.library.folder import StudyFolder, open_study
    from detstudy.library.questions import audit, check_data, compare, evaluate
    from detstudy.library.run import run_study
    from detstudy.plan import plan_study
    from detstudy.study.hyperparameter import Hyperparameter, Proof
    from detstudy.study.setting import Measure, Setting
    from detstudy.study.spec import load_study
    from detstudy.trainers.contract import (
        Job,
        MemoryShortageError,
        Predicted,
        Prediction,
        Probe,
        RefusedError,
        Trained,
        Trainer,
    )

__version__ = "0.2.0.dev0"

__all__ = [
    "Hyperparameter",
    "InputError",
    "Job",
    "Measure",
    "MemoryShortageError",
    "Predicted",
    "Prediction",
    "Probe",
    "Proof",
    "RefusedError",
    "Setting",
    "StudyFolder",
    "Trained",
    "Trainer",
    "audit",
    "check_data",
    "compare",
    "evaluate",
    "load_study",
    "open_study",
    "plan_study",
    "run_study",
]

_HOMES = {
    "errors": ("InputError",),
    "library.folder": ("StudyFolder", "open_study"),
    "library.questions": ("audit", "check_data", "compare", "evaluate"),
    "library.run": ("run_study",),
    "plan": ("plan_study",),
    "study.hyperparameter": ("Hyperparameter", "Proof"),
    "study.setting": ("Measure", "Setting"),
    "study.spec": ("load_study",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from detstudy.errors import require_posix

    require_posix()
    home = next((home for home, names in _HOMES.items() if name in names), "trainers.contract")
    value = globals()[name] = getattr(import_module(f"detstudy.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
