"""The Python of README and docs runs as it stands, and what they name (files, functions, commands, links) is there."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import detstudy
from detstudy.auditing.finding import Kind
from detstudy.cli import app

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "detstudy"
PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
DOCUMENTS = (*PAGES, *(f"docs/benchmarks/{path.name}" for path in sorted((ROOT / "docs" / "benchmarks").glob("*.md"))))
NO_MODULES = "baseline|budget|data|factors|limits|model|monitoring|my|planned|report|result"
"""What stands before a dot in the keys of a study file and in the names of a run's files."""


@pytest.mark.parametrize("document", ["README.md", "docs/library.md"])
def test_the_python_of_a_document_runs(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_study: Callable[..., Path]
) -> None:
    fake = {"python": "detstudy.testing:FakeTrainer"}
    study = tiny_study(trainer=fake, factors={"learning_rate": [0.004, 0.04]}, baseline_seeds=[0, 1], seeds=[0])
    study.rename(tmp_path / "my.yaml")
    (tmp_path / "table.csv").write_text("learning rate,mask AP\n0.01,39.3\n0.02,39.4\n")
    monkeypatch.chdir(tmp_path)
    said: dict[str, Any] = {}
    snippets = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, document, "exec"), said)
    assert said["folder"].runs().outcome.tolist() == ["finished"] * 3
    assert set(said["contrasts"].verdict.dropna()) <= {"better", "worse", "no difference that matters", "cannot tell"}


def test_every_public_name_stands_in_the_documents() -> None:
    text = (ROOT / "docs" / "library.md").read_text()
    functions = [name for name in detstudy.__all__ if name.islower()]
    assert [name for name in functions if f"detstudy.{name}(" not in text] == []


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_link_leads_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / document).read_text())
    files = [link.partition("#")[0] for link in links if not re.match(r"https?://|#", link)]
    assert [file for file in files if not ((ROOT / document).parent / file).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_is_there(document: str) -> None:
    rooms = [path.name for path in (*ROOT.iterdir(), *SOURCE.iterdir()) if path.is_dir() and path.name != "results"]
    paths = [code for code in quote_code(document) if re.fullmatch(r"[\w./-]+(\.py|/[\w.-]*)", code)]
    named = [path for path in paths if path.endswith(".py") or path.partition("/")[0] in rooms]
    assert [path for path in named if not (ROOT / path).exists() and not (SOURCE / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_function_is_there(document: str) -> None:
    names = [code for code in quote_code(document) if re.fullmatch(r"[a-z_]+(\.\w+)+(\(\))?", code)]
    named = [name.removesuffix("()") for name in names if not re.match(rf"({NO_MODULES})\.", name)]
    files = r"\.(csv|html|json|jsonl|md|npz|pt|py|toml|txt|yaml)$"
    assert [name for name in named if not re.search(files, name) and not is_defined(name)] == []


def test_every_name_of_the_architecture_is_there() -> None:
    known = {part for names in list_definitions().values() for name in names for part in name.split(".")}
    names = [code for code in quote_code("docs/architecture.md") if re.fullmatch(r"[A-Z]\w+|\w+_\w+", code)]
    assert len(names) > 5
    assert [name for name in names if name not in known] == []
    assert {f"tests/extension/{path.name}" for path in (ROOT / "tests" / "extension").glob("test_*.py")} == {
        code for code in quote_code("docs/architecture.md") if code.startswith("tests/extension/test_")
    }


@pytest.mark.parametrize("document", PAGES)
def test_every_command_and_option_is_there(document: str) -> None:
    verbs, missing = list_verbs(), []
    known = {option for options in verbs.values() for option in options}
    for code in quote_code(document):
        found = re.search(r"\bdetstudy ((?:data )?[a-z]+)\b", code)
        if code.startswith("--"):
            missing += [code] if code.split()[0] not in known else []
        elif found:
            options = re.findall(r"(?<!\S)--[a-z-]+", code)
            missing += [code] if set(options) - verbs.get(found[1], set()) or found[1] not in verbs else []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    made = {found[1] for code in quote_code(document) if (found := re.match(r"make ([a-z-]+)", code))}
    assert (missing, made - targets) == ([], set())


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_every_package_stands_in_the_table(document: str) -> None:
    parts = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / document).read_text(), flags=re.MULTILINE)
    assert parts - {"__init__"} - set(re.findall(r"`(\w+)`", " ".join(rows))) == set()


def test_every_rule_of_the_audit_is_documented() -> None:
    quoted = quote_code("docs/audit.md")
    assert {kind.rule for kind in Kind} - set(quoted) == set()


def quote_code(document: str) -> list[str]:
    """Return what stands in a document's backticks, and the lines of its blocks of code but those of Python."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if language != "python" for line in block.splitlines()]
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*lines, *(" ".join(each.split()) for each in re.findall(r"`([^`]+)`", rest))]


def list_verbs() -> dict[str, set[str]]:
    """Return the options of each verb of the command line, by its name: "plan", "data check"."""
    root: Any = typer.main.get_command(app)
    pairs = [*root.commands.items(), *((f"data {name}", verb) for name, verb in root.commands["data"].commands.items())]
    return {name: {option for part in verb.params for option in part.opts} for name, verb in pairs if name != "data"}


@functools.cache
def list_definitions() -> dict[str, set[str]]:
    """Return what each module of the source has, by its dotted name: functions, classes, methods, fields, constants."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        names: set[str] = set()
        for node in ast.parse(path.read_text()).body:
            names |= set(name_definitions(node))
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{name}" for part in node.body for name in name_definitions(part)}
            if path.name == "__init__.py":
                inner = [each for each in ast.walk(node) if isinstance(each, ast.ImportFrom)]
                names |= {alias.name for each in inner for alias in each.names}
        module = path.relative_to(ROOT / "src").with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        found[module] = names
    return found


def name_definitions(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def is_defined(name: str) -> bool:
    """Whether a module, or something in one, has this dotted name; packages before the module may be left out."""
    modules, parts = list_definitions(), name.split(".")
    for cut in range(1, len(parts) + 1):
        stem, rest = ".".join(parts[:cut]), ".".join(parts[cut:])
        homes = [module for module in modules if f".{module}".endswith(f".{stem}")]
        if any(not rest or rest in modules[home] for home in homes):
            return True
    return False
