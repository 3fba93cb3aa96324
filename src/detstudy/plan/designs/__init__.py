"""Who decides which settings a study runs: those that ship by name, anybody's as python "module:Class"."""

from __future__ import annotations

from detstudy.plan.designs.contract import Asked, Design, EndedRun
from detstudy.plan.designs.grid import Grid
from detstudy.plan.designs.one_factor import OneFactor
from detstudy.study.extension import Extension, load_extension

__all__ = ["Asked", "Design", "EndedRun", "Grid", "OneFactor", "load_design"]


def load_design(choice: str | Extension) -> Design:
    """Return the design that a study names. Raises InputError where python "module:Class" is none."""
    if isinstance(choice, Extension):
        design: Design = load_extension(choice, "design", ("crossed", "begin", "go_on", "name_setting", "name_family"))
        return design
    built_in: dict[str, type[Design]] = {"one_factor": OneFactor, "grid": Grid}
    return built_in[choice]()
