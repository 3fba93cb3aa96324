"""What every design must do, as tests: `class TestMine(DesignContract)` with `make_design`, run by pytest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detstudy.plan import BASELINE, Plan, Step, begin_plan, continue_plan, make_plan
from detstudy.plan.designs import Design, EndedRun
from detstudy.study.spec import load_study
from detstudy.study.study import Study
from detstudy.testing.study import write_tiny_study

MOST_STEPS = 50


class DesignContract:
    """Tests of a design, on a study of two factors whose results are made up."""

    def make_design(self) -> Design:
        """Return the design to be tested, a new one each time."""
        raise NotImplementedError

    def test_it_begins_with_settings_of_names_of_their_own(self, tmp_path: Path) -> None:
        """The baseline, which is planned whatever it asks, comes first."""
        study = _make_study(tmp_path)
        plan = make_plan(study, [begin_plan(study, self.make_design())])
        assert plan.settings[0].id == BASELINE
        assert len({planned.id for planned in plan.settings}) == len(plan.settings)
        assert {(run.setting_id, run.seed) for run in plan.runs} >= {(BASELINE, seed) for seed in study.baseline_seeds}
        assert all(planned.family for planned in plan.settings[1:])

    def test_it_asks_the_same_when_it_is_asked_again(self, tmp_path: Path) -> None:
        """It is made anew whenever a study goes on, and what it began with is not asked twice."""
        study = _make_study(tmp_path)
        assert begin_plan(study, self.make_design()) == begin_plan(study, self.make_design())
        plan = make_plan(study, [begin_plan(study, self.make_design())])
        ended = _end_all(plan)
        first, second = (continue_plan(study, self.make_design(), plan, ended) for _ in range(2))
        assert first == second

    def test_it_comes_to_an_end(self, tmp_path: Path) -> None:
        """Whatever the runs gave."""
        study = _make_study(tmp_path)
        for failing in (False, True):
            steps = [begin_plan(study, self.make_design())]
            step: Step | None = steps[0]
            while step is not None:
                plan = make_plan(study, steps)
                step = continue_plan(study, self.make_design(), plan, _end_all(plan, failing))
                steps += [step] if step else []
                assert len(steps) <= MOST_STEPS, "it asks for more and more"


def _make_study(folder: Path) -> Study:
    factors = {"learning_rate": [0.001, 0.004, 0.016], "rpn_pre_nms_top_n_train": [250, 500]}
    return load_study(write_tiny_study(folder, folder, factors=factors, seeds=[0, 1]))


def _end_all(plan: Plan, failing: bool = False) -> Sequence[EndedRun]:
    """Return how all runs of a plan may have ended: later settings are better, seeds differ a little."""
    places = {planned.id: place for place, planned in enumerate(plan.settings)}
    return [
        EndedRun(
            setting_id=run.setting_id,
            levels=plan.setting(run.setting_id).levels,
            seed=run.seed,
            outcome="crashed" if failing else "finished",
            measures={} if failing else {"mask/AP": 20.0 + places[run.setting_id] + run.seed / 10, "box/AP": None},
        )
        for run in plan.runs
    ]
