"""The structure is held by tests: who may import whom, and that cheap verbs stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "detstudy"
BY_ALL = {"errors"}
LEAF = "detstudy.wording.numbers"  # every package says its numbers by it; it imports only what reads a size
ALLOWED = {
    "console": set(),
    "errors": set(),
    "study": set(),
    "trainers": {"study", "data"},
    "plan": {"study", "trainers"},
    "data": {"study"},
    "scenes": {"data"},
    "ledger": {"plan"},
    "evaluation": {"data", "trainers"},
    "execution": {"plan", "ledger", "data", "trainers", "evaluation"},
    "analysis": {"plan", "ledger", "evaluation", "wording"},
    "wording": {"analysis", "plan"},
    "forecast": {"execution", "analysis"},
    "audit": {"analysis"},
    "reporting": {"analysis", "ledger", "data", "wording", "forecast", "audit"},
    "testing": {"reporting", "scenes"},
}
ALLOWED["cli"] = {*ALLOWED["testing"], "console"}


def reach(package: str) -> set[str]:
    """Return what a package may import: what is named for it, and what those may import."""
    found: set[str] = set()
    left = {package}
    while left:
        found |= left
        left = {name for each in left for name in ALLOWED[each]} - found
    return found


def find_imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    package = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    allowed = reach(package) | BY_ALL | {package}
    imports = find_imports(path)
    own = {name.split(".")[1] for name in imports if name.startswith("detstudy.") and name != LEAF}
    assert own <= allowed
    heavy = {name.split(".")[0] for name in imports} & {"torch", "torchvision"}
    assert not heavy or path.is_relative_to(SOURCE / "trainers" / "torchvision")


def test_every_package_stands_in_the_rules() -> None:
    assert {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in MODULES} == set(ALLOWED)


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
