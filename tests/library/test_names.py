"""What `import detstudy` gives: exactly these names, each documented, loaded only when asked for."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

import pytest

import detstudy

NAMES = [
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


def test_the_public_names_are_exactly_these() -> None:
    assert detstudy.__all__ == NAMES
    assert set(NAMES) <= set(dir(detstudy))
    with pytest.raises(AttributeError, match="no attribute 'trainers_of_mine'"):
        _ = detstudy.trainers_of_mine


@pytest.mark.parametrize("name", [name for name in NAMES if name != "Prediction"])  # which is an alias of dict
def test_each_has_a_docstring_of_its_own_and_full_types(name: str) -> None:
    value = getattr(detstudy, name)
    summary, _, _ = value.__doc__.partition("\n")
    assert summary.endswith((".", ":"))
    assert not summary.startswith(f"{name}(")  # what a dataclass writes by itself
    for function in [value] if inspect.isfunction(value) else []:
        assert set(inspect.signature(function).parameters) | {"return"} == set(function.__annotations__)
        assert "Raises" in value.__doc__ or "never raised" in value.__doc__


def test_all_that_a_trainers_methods_name_is_public() -> None:
    methods = [method for _, method in inspect.getmembers(detstudy.Trainer, inspect.isfunction)]
    methods = [*(each for each in methods if each.__name__[0] != "_"), vars(detstudy.Trainer)["hyperparameters"].fget]
    texts = [text for method in methods for text in method.__annotations__.values()]
    named = {word for text in texts for word in re.findall(r"[A-Z]\w+", text)}
    assert named - {"Mapping", "None", "Sequence", "SplitName"} <= set(NAMES)
    assert {"Hyperparameter", "Job", "Trained", "Predicted", "Probe", "Setting"} <= named


def test_no_name_loads_what_is_heavy() -> None:
    heavy = "{'torch', 'pandas', 'numba', 'scipy', 'altair', 'cv2'}"
    code = f"import sys\nfrom detstudy import *\nprint(open_study, sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(" []"), done.stderr


def test_the_package_alone_loads_nothing_of_itself() -> None:
    command = [sys.executable, "-c", "import sys, detstudy; print([m for m in sys.modules if 'detstudy.' in m])"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_on_windows_a_name_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(ValueError, match="Windows is not supported: use it inside WSL 2"):
        detstudy.__getattr__("open_study")
