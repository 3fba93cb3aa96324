"""The study file → a validated `Study`. pydantic stands here and nowhere else; unknown keys are refused by line."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Lt, MinLen
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from detstudy.errors import InputError
from detstudy.study.consistency import find_inconsistencies
from detstudy.study.document import apply_override, dump_document, find_place, parse_document
from detstudy.study.extension import Extension
from detstudy.study.hyperparameter import REQUIRED, Fraction, Hyperparameter, PositiveInt
from detstudy.study.setting import FORMATS, DataSetting, Monitoring, OwnData, Setting
from detstudy.study.size import parse_size
from detstudy.study.study import MEASURES, BatchSizeRule, Budget, Factor, Limits, Study, StudyError
from detstudy.study.trainer import BUILT_IN, StudyTrainer, find_trainer

T = typing.TypeVar("T")
LONGEST_NAME = 200  # bytes; file systems take 255
Seed = Annotated[int, Ge(0), Lt(2**32)]  # what every generator of random numbers takes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Top:
    """The study file's own keys that are single values; sections are read apart."""

    study: Annotated[str, MinLen(1)]
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    baseline_seeds: Annotated[tuple[Seed, ...], MinLen(1)] | None = None
    objective: str = "mask/AP"
    smallest_difference_that_matters: Annotated[float, Ge(0)] = 0.5
    tolerance: Annotated[float, Ge(0)] | None = None
    operating_score_threshold: Fraction = 0.5
    on_out_of_memory: Literal["stop", "accumulate"] = "stop"
    gallery_images: Annotated[int, Ge(0), Le(24)] = 6


_DESIGNS = ("one_factor", "grid")
_SECTIONS = (
    "design",
    "trainer",
    "data",
    "model",
    "baseline",
    "factors",
    "when_batch_size_changes",
    "monitoring",
    "limits",
    "budget",
)
# What pydantic says in the words of JSON schemas, said in those of a study file.
_MESSAGES = {"tuple_type": "a list is needed", "too_short": "more values are needed", "missing": "a value is missing"}


def load_study(path: Path | str, overrides: tuple[str, ...] = ()) -> Study:
    """Read and validate a study file, with `key=value` overrides (dotted keys, YAML values) applied.

    A relative `data.root` counts from the study file's folder; one given by an override counts from the working
    directory. A trainer of somebody's own is imported. Raises StudyError naming file, line, key, value and what would
    be accepted, for all faults at once.
    """
    return read_study(path, overrides, find_trainer)


def read_study(path: Path | str, overrides: tuple[str, ...], find: Callable[[str | Extension], StudyTrainer]) -> Study:
    """Do what `load_study` does, with `find` to say what the trainer has."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such study file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: can't be read as UTF-8 text: {error}") from None
    return _Reader(path, find).read(text, overrides)


class _Reader:
    """Collects the faults of one study file while turning its sections into facts."""

    def __init__(self, path: Path, find: Callable[[str | Extension], StudyTrainer]) -> None:
        self.path = path
        self.faults: list[str] = []
        self.overridden: set[str] = set()
        self.find = find

    def read(self, text: str, overrides: tuple[str, ...]) -> Study:
        document = parse_document(self.path, text)
        self.overridden = {apply_override(document, override) for override in overrides}
        known = [field.name for field in dataclasses.fields(_Top)]
        self.refuse_unknown(document, "", [*known, *_SECTIONS])
        top = self.read_fields(_Top, {k: document[k] for k in known if k in document}, document, "")
        data = self.read_data(document)
        trainer = self.read_trainer(document)
        baseline = self.read_baseline(document, trainer) if trainer else None
        rule = self.read_section(BatchSizeRule, document, "when_batch_size_changes", required=False)
        monitoring = self.read_section(Monitoring, document, "monitoring", required=False) or Monitoring()
        limits = self.read_limits(document)
        budget = self.read_section(Budget, document, "budget", required=False) or Budget()
        factors = self.read_factors(document, trainer) if trainer else ()
        design = self.read_named(document, "design", _DESIGNS)
        if top and top.objective not in MEASURES:
            self.fault(document, "objective", f"{top.objective!r} is not a measure; one of {', '.join(MEASURES)}")
        for key in ("seeds", "baseline_seeds"):
            seeds = getattr(top, key) if top else None
            if seeds and len(set(seeds)) < len(seeds):
                self.fault(document, key, "a seed stands twice; list each once")
        if top and (not re.fullmatch(r"[\w][\w .-]*", top.study) or len(top.study.encode()) > LONGEST_NAME):
            message = "a name of letters, digits, spaces, '.', '_' and '-', not too long for a folder, is needed"
            self.fault(document, "study", message)
        if baseline:
            assert trainer is not None
            for path, message in find_inconsistencies(trainer, baseline, factors, rule, data, monitoring):
                self.fault(document.get(path.split(".")[0]) if "." in path else document, path, message)
            if rule and rule.hold == "iterations" and "images" in document["baseline"]:
                message = "iterations contradicts baseline.images; give baseline.iterations, or hold images"
                self.fault(document["when_batch_size_changes"], "when_batch_size_changes.hold", message)
        self.stop_on_faults()
        assert top is not None
        assert data is not None
        assert trainer is not None
        assert baseline is not None
        return Study(
            name=top.study,
            data=data,
            trainer=trainer,
            baseline=baseline,
            factors=factors,
            design=design,
            seeds=top.seeds,
            baseline_seeds=top.seeds if top.baseline_seeds is None else top.baseline_seeds,
            objective=top.objective,
            smallest_difference_that_matters=float(top.smallest_difference_that_matters),
            tolerance=None if top.tolerance is None else float(top.tolerance),
            operating_score_threshold=float(top.operating_score_threshold),
            when_batch_size_changes=rule,
            monitoring=monitoring,
            limits=limits,
            on_out_of_memory=top.on_out_of_memory,
            budget=budget,
            gallery_images=top.gallery_images,
            source=dump_document(document),
        )

    def fault(self, node: Any, path: str, message: str, key: Any = None) -> None:
        """Note a fault; the key is the path's last name, unless it is no text."""
        key = path.rsplit(".", 1)[-1] if key is None else key
        self.faults.append(f"{find_place(self.path, self.overridden, node, key, path)}: {message}")

    def stop_on_faults(self) -> None:
        if self.faults:
            raise StudyError("\n".join(self.faults))

    def refuse_unknown(self, node: CommentedMap, prefix: str, known: list[str]) -> None:
        for key in node:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(known)}"
                self.fault(node, f"{prefix}{key}", f"unknown key; {hint}", key)

    def read_fields(self, cls: type[T], values: dict[str, Any], node: Any, prefix: str) -> T | None:
        """Validate values against a dataclass's annotations, key by key."""
        hints = typing.get_type_hints(cls, include_extras=True)
        accepted: dict[str, Any] = {}
        failed = False
        for key, value in values.items():
            section = _find_section(hints[key])
            if section is not None and value is not None:
                result = self.read_section(section, node, key, required=True, prefix=prefix)
                ok = result is not None
            else:
                ok, result = self.check_value(hints[key], value, node, f"{prefix}{key}")
            failed |= not ok
            accepted[key] = result
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            if required and field.name not in values:
                failed = True
                where = prefix.rstrip(".") or "study file"
                self.faults.append(f"{self.path}: {where}: the key {field.name} is missing")
        return None if failed else cls(**accepted)

    def check_value(self, annotation: Any, value: Any, node: Any, path: str) -> tuple[bool, Any]:
        if isinstance(value, float) and not math.isfinite(value):
            self.fault(node, path, f"{value!r}: a finite number is needed")
            return False, None
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            self.fault(node, path, f"{value!r} is not a plain value (text, number, list, true, false or null)")
            return False, None
        try:
            return True, TypeAdapter(annotation).validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            message = _MESSAGES.get(first["type"]) or first["msg"][0].lower() + first["msg"][1:]
            self.fault(node, path, f"{value!r}: {message}{_suggest_number(value)}")
            return False, None

    def read_section(
        self, cls: type[T], document: CommentedMap, name: str, *, required: bool, prefix: str = ""
    ) -> T | None:
        node = self.read_mapping(document, name, required=required, prefix=prefix)
        if node is None:
            return None
        known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        self.refuse_unknown(node, f"{prefix}{name}.", known)
        return self.read_fields(cls, {k: v for k, v in node.items() if k in known}, node, f"{prefix}{name}.")

    def read_mapping(
        self, document: CommentedMap, name: str, *, required: bool, prefix: str = ""
    ) -> CommentedMap | None:
        if name not in document:
            if required:
                self.faults.append(f"{self.path}: the section {prefix}{name} is missing")
            return None
        node = document[name]
        if not isinstance(node, CommentedMap):
            self.fault(document, f"{prefix}{name}", "a mapping of keys and values is needed")
            return None
        return node

    def read_named(self, document: CommentedMap, name: str, known: tuple[str, ...]) -> str | Extension:
        """Read a key that names one of those that ship, the first where it is missing, or somebody's own."""
        value = document.get(name, known[0])
        if isinstance(value, CommentedMap):
            return self.read_section(Extension, document, name, required=True) or known[0]
        if value not in known:
            own = '{python: "module:Class", options: {...}}'
            self.fault(document, name, f"{value!r}; {', '.join(known)} or {own} is needed")
        return str(value)

    def read_data(self, document: CommentedMap) -> DataSetting | None:
        node = self.read_mapping(document, "data", required=True)
        if node is None:
            return None
        if isinstance(node.get("root"), str):
            base = Path.cwd() if self.overridden & {"data", "data.root"} else self.path.parent.absolute()
            try:
                node["root"] = str((base / Path(node["root"]).expanduser()).resolve())
            except (RuntimeError, ValueError) as error:  # "~" of a user that is not there, a NUL
                self.fault(node, "data.root", f"{node['root']!r} can't be a path: {error}")
                return None
        kind = node.get("format")
        if isinstance(kind, CommentedMap):
            return self.read_own_data(node)
        if kind not in FORMATS:
            own = '{python: "module:Class"}'
            self.fault(node, "data.format", f"{kind!r}; {', '.join(FORMATS)} or {own} is needed")
            return None
        data = self.read_section(FORMATS[kind], document, "data", required=True)
        for key, message in data.find_faults() if data else ():
            self.fault(node, f"data.{key}", message)
        return data

    def read_own_data(self, node: CommentedMap) -> OwnData | None:
        choice = self.read_section(Extension, node, "format", required=True, prefix="data.")
        checked = {key: self.check_value(Any, value, node, f"data.{key}") for key, value in node.items()}
        section = {key: value for key, (_, value) in checked.items() if key not in ("format", "root", "test")}
        if not isinstance(node.get("root"), str):
            self.fault(node, "data.root", "the folder that paths count from is missing")
        if choice is None or not isinstance(node.get("root"), str):
            return None
        return OwnData(format=choice, root=node["root"], test=node.get("test"), section=section)

    def read_trainer(self, document: CommentedMap) -> StudyTrainer | None:
        count = len(self.faults)
        choice = self.read_named(document, "trainer", tuple(BUILT_IN))
        if len(self.faults) > count:
            return None
        try:
            return self.find(choice)
        except InputError as error:
            self.fault(document, "trainer", str(error).removeprefix("trainer: "))
            return None

    def read_baseline(self, document: CommentedMap, trainer: StudyTrainer) -> Setting | None:
        declared = trainer.hyperparameters
        model = [each for each in declared if each.section == "model"]
        rest = [each for each in declared if each.section == "baseline"]
        needed = any(each.default is REQUIRED for each in model)
        node = self.read_mapping(document, "model", required=needed)
        own = self.read_values(model, dict(node), node, "model.") if node is not None else None if needed else {}
        node = self.read_mapping(document, "baseline", required=True)
        if node is None:
            return None
        values = dict(node)
        names = {each.name for each in rest}
        length = ["images"] if {"iterations", "batch_size"} <= names and "images" not in names else []
        if length and "images" in values:
            if "iterations" in values:
                self.fault(node, "baseline.images", "stands beside iterations; give the length once")
            ok, images = self.check_value(PositiveInt, values.pop("images"), node, "baseline.images")
            batch = values.get("batch_size")
            if "iterations" not in values:  # where the batch size is at fault, that alone is said
                values["iterations"] = -(-images // batch) if ok and isinstance(batch, int) and batch > 0 else 1
        others = self.read_values(rest, values, node, "baseline.", *length)
        if own is None or others is None:
            return None
        return Setting(declared, {**own, **others}, trainer=trainer.identity)

    def read_values(
        self, declared: list[Hyperparameter], values: dict[str, Any], node: Any, prefix: str, *more: str
    ) -> dict[str, Any] | None:
        """Validate a section's values against the declarations; None where any is at fault or missing."""
        types = {each.name: each.type for each in declared}
        self.refuse_unknown(node, prefix, [*more, *types])
        missing = [each.name for each in declared if each.default is REQUIRED and each.name not in values]
        self.faults += [f"{self.path}: {prefix.rstrip('.')}: the key {name} is missing" for name in missing]
        known = {name: value for name, value in values.items() if name in types}
        checked = {name: self.check_value(types[name], known[name], node, f"{prefix}{name}") for name in known}
        return None if missing or not all(ok for ok, _ in checked.values()) else {n: v for n, (_, v) in checked.items()}

    def read_limits(self, document: CommentedMap) -> Limits:
        node = self.read_mapping(document, "limits", required=False)
        if node is None:
            return Limits()
        self.refuse_unknown(node, "limits.", [field.name for field in dataclasses.fields(Limits)])
        value = node.get("memory")
        memory = parse_size(value) if isinstance(value, str) else None
        if value is not None and memory is None:
            self.fault(node, "limits.memory", f"{value!r}; a size such as 11GiB or 900MiB is needed")
        plain = {key: node[key] for key in ("hours", "no_progress_minutes") if key in node}
        return self.read_fields(Limits, {"memory": memory, **plain}, node, "limits.") or Limits()

    def read_factors(self, document: CommentedMap, trainer: StudyTrainer) -> tuple[Factor, ...]:
        node = self.read_mapping(document, "factors", required=False)
        if node is None:
            return ()
        hints = {each.name: each.type for each in trainer.hyperparameters}
        self.refuse_unknown(node, "factors.", list(hints))
        factors = []
        for name, levels in node.items():
            path = f"factors.{name}"
            if name not in hints:
                continue
            if not isinstance(levels, CommentedSeq) or not levels:
                self.fault(node, path, "a list of at least one level is needed, as in [0.001, 0.0001]")
                continue
            checked = [self.check_value(hints[name], level, node, path) for level in levels]
            values = [value for ok, value in checked if ok]
            if any(values.count(value) > 1 for value in values):
                self.fault(node, path, "a level stands twice; list each once")
            factors.append(Factor(name=name, levels=tuple(values)))
        return tuple(factors)


def _find_section(annotation: Any) -> type[Any] | None:
    """Return the dataclass that an annotation asks for, None or not; None where it asks for something else."""
    asked = (annotation, *typing.get_args(annotation))
    return next((each for each in asked if isinstance(each, type) and dataclasses.is_dataclass(each)), None)


def _suggest_number(value: Any) -> str:
    """Return a hint for numbers that YAML 1.2 reads as text."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return ""
        return " (it is text: remove the quotes)"
    return ""
