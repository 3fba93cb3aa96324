"""What a study file names as python "module:Class": somebody's own design or trainer, found and made."""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import MinLen

from detstudy.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A class by its module and name, and the keyword arguments that make one of it."""

    python: Annotated[str, MinLen(1)]
    options: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """Return the class with its options, the same text for the same choice: 'module:Class {"a": 1}'."""
        return f"{self.python} {json.dumps(self.options, sort_keys=True)}" if self.options else self.python


def load_extension(extension: Extension, key: str, parts: tuple[str, ...]) -> Any:
    """Return what the class makes of its options.

    The module may lie in the working directory; what is installed comes first. Raises InputError, naming the study
    file's `key`, where it can't be imported or made, or lacks one of the parts.
    """
    module, _, attribute = extension.python.partition(":")
    if module.partition(".")[0] != "detstudy" and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    hint = 'python: "module:Class" is needed, with the module importable and options that the class takes'
    try:
        made = getattr(importlib.import_module(module), attribute)(**extension.options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{key}: {extension.python}: {error}; {hint}") from None
    missing = [part for part in parts if not hasattr(made, part)]
    if missing:
        raise InputError(f"{key}: {extension.python}: has no {' and no '.join(missing)}")
    return made
