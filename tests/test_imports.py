"""Verbs that train nothing stay cheap. Who may import whom stands in pyproject.toml and is checked by import-linter."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "import detstudy",
        "import detstudy.cli, detstudy.execution, detstudy.analysis, detstudy.reporting, detstudy.testing",
    ],
)
def test_what_trains_nothing_imports_no_torch(code: str) -> None:
    check = "import sys; heavy = {'torch', 'numba', 'scipy', 'altair', 'cv2'} & set(sys.modules); print(heavy or 0)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0", done.stderr
