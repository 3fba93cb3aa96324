"""The command line: verbs and exit codes, nothing else.

Exit status: 0 every planned run has ended and none crashed; 2 the input is wrong, nothing was started; 3 a run crashed
for good; 4 a budget stopped the study with work left; 129, 130, 143 interrupted, everything kept.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detstudy.errors import InputError, escape_unprintable, require_posix

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from detstudy.library.folder import StudyFolder

EXIT_WRONG = 2
EXIT_CRASHED = 3
EXIT_BUDGET = 4
MOST_WORKERS = 1024

app = typer.Typer(
    help="Hyperparameter studies of object detectors and instance segmenters.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Check a data set; draw the embedded one.", no_args_is_help=True)
app.add_typer(data_app, name="data")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="the study file")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="the folder of a study, as `detstudy run` made it")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override a key of the study file (dotted key, YAML value)"),
]
OutFolder = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="default: results/<study>")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_WORKERS, help="runs side by side; default: one a GPU, without GPUs one a core"),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]


@app.command()
def plan(
    study_file: StudyFile,
    overrides: Overrides = None,
    out: OutFolder = None,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="measure a few iterations and tell time, memory and what can be learned")
    ] = False,
    deadline: Annotated[
        str | None, typer.Option(metavar="12h", help="with --forecast: suggest what of the study ends in time")
    ] = None,
    gpu_memory: Annotated[
        str | None, typer.Option(metavar="11GiB", help="with --forecast: suggest what fits into so much memory")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """List the runs with their settings; starts no run."""
    from detstudy.execution import InterruptedStudyError, foresee_runs
    from detstudy.ledger import Ledger
    from detstudy.library.foresee import foresee_study
    from detstudy.library.run import choose_folder
    from detstudy.reporting import print_runs
    from detstudy.reporting.output import describe_run
    from detstudy.reporting.terminal import print_forecast
    from detstudy.study.spec import load_study

    seconds, memory = _parse_bounds(deadline, gpu_memory, forecast)
    study = load_study(study_file, tuple(overrides or ()))
    folder = choose_folder(study, out)
    planned = Ledger(folder, study).load_plan()
    records = foresee_runs(study, planned, folder)
    document: dict[str, Any] = {"study": study.name, "runs": [describe_run(record) for record in records]}
    console = _make_console(stderr=as_json)
    if not as_json:
        print_runs(records, console)
        trainings = len({(record.id.split("/")[0], record.seed) for record in records})
        console.print(f"{len(planned.settings)} settings, {len(records)} runs, {trainings} trainings")
    if forecast:
        try:
            found = foresee_study(study, folder, console, workers=workers, deadline=seconds, memory=memory)
        except InterruptedStudyError as stop:
            console.print("stopped; a forecast leaves nothing behind")
            raise typer.Exit(128 + stop.signal) from None
        document["forecast"] = found
        if not as_json:
            print_forecast(found, console)
    if as_json:
        _print_json(document)


@app.command()
def run(
    study_file: StudyFile,
    overrides: Overrides = None,
    out: OutFolder = None,
    workers: Workers = None,
    open_test_again: Annotated[
        bool, typer.Option("--open-test-again", help="evaluate the choice on the test split though that was opened")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run what is missing of a study, then write its report."""
    import detstudy
    from detstudy.execution import InterruptedStudyError
    from detstudy.library.run import choose_folder
    from detstudy.reporting.output import describe_run

    study = detstudy.load_study(study_file, tuple(overrides or ()))
    console = _make_console(stderr=as_json)
    try:
        folder = detstudy.run_study(study, out, workers=workers, console=console, open_test_again=open_test_again)
    except InterruptedStudyError as stop:
        kept = choose_folder(study, out)
        console.print(f"stopped; everything that ended is kept in {kept}; the same command goes on from here")
        raise typer.Exit(128 + stop.signal) from None
    files = _write_report(folder, None if as_json else console)
    records, stopped = folder.records, folder.stopped
    if as_json:
        described = [describe_run(record) for record in records]
        files_made = [str(path) for path in files]
        _print_json({"study": study.name, "runs": described, "files": files_made, "stopped": stopped})
    if stopped:
        console.print(f"stopped: {stopped}", markup=False)
        raise typer.Exit(EXIT_BUDGET)
    if any(record.outcome == "crashed" for record in records):
        raise typer.Exit(EXIT_CRASHED)


@app.command()
def status(folder: Folder, as_json: Json = False) -> None:
    """Show runs by outcome, what is running, and the time left."""
    from collections import Counter

    import detstudy
    from detstudy.execution import estimate_seconds_left
    from detstudy.numbers import format_time
    from detstudy.reporting import print_runs
    from detstudy.reporting.output import describe_run

    opened = detstudy.open_study(folder)
    study, records, stopped = opened.study, opened.records, opened.stopped
    left = estimate_seconds_left(records)
    if as_json:
        runs = [describe_run(record) for record in records]
        _print_json({"study": study.name, "runs": runs, "seconds_left": left, "stopped": stopped})
        return
    console = _make_console()
    print_runs(records, console)
    counts = Counter(record.outcome or record.state for record in records)
    console.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))
    if left:
        console.print(f"about {format_time(left)} left")
    elif left is None:
        console.print("time left: unknown until a run has ended")
    if stopped:
        console.print(f"stopped: {stopped}")


@app.command()
def report(folder: Folder, as_json: Json = False) -> None:
    """Write DIR/report.html and DIR/report.md from the study's folder alone."""
    import detstudy

    files = _write_report(detstudy.open_study(folder), None if as_json else _make_console())
    if as_json:
        _print_json({"files": [str(path) for path in files]})


@app.command()
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="[DIR] A B",
            help="a study's folder and two settings or runs; two run folders; or (--gt) two COCO result files",
        ),
    ],
    gt: Annotated[Path | None, typer.Option("--gt", metavar="GT.json", help="ground truth of the result files")] = None,
    as_json: Json = False,
) -> None:
    """Contrast two settings ("baseline", "learning_rate=0.001", a run's name), two runs, or two COCO result files."""
    import detstudy
    from detstudy.reporting import print_comparison
    from detstudy.reporting.output import describe_contrasts
    from detstudy.wording.contrast import introduce_comparison

    if len(targets) not in ((2, 3) if gt is None else (2,)):
        what = "DIR A B` or `detstudy compare RUN RUN" if gt is None else "--gt GT.json A.json B.json"
        raise typer.BadParameter(f"{len(targets)} given; `detstudy compare {what}` is needed")
    *folder, a, b = targets
    contrasts = detstudy.compare(a, b, study=folder[0] if folder else None, ground_truth=gt)
    objective = detstudy.open_study(folder[0]).study.objective if folder else None
    opening = introduce_comparison(contrasts, objective)
    if as_json:
        _print_json(describe_contrasts(opening, contrasts))
        return
    print_comparison(opening, contrasts, _make_console())


@app.command()
def audit(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="settings and their measures, as published")],
    seed_sd: Annotated[
        float | None, typer.Option("--seed-sd", metavar="AP", help="standard deviation of AP over seeds, if known")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what looks wrong in a published table of results, what can and can't be concluded, and what to run."""
    import detstudy
    from detstudy.reporting import print_audit
    from detstudy.reporting.output import describe_audit

    found = detstudy.audit(table, seed_sd)
    if as_json:
        _print_json(describe_audit(found))
        return
    print_audit(found, _make_console())


@app.command()
def evaluate(
    ground_truth: Annotated[Path, typer.Argument(metavar="GT.json")],
    predictions: Annotated[Path, typer.Argument(metavar="PREDICTIONS.json")],
    as_json: Json = False,
) -> None:
    """Print the COCO measures of one result file, box and mask."""
    import detstudy
    from detstudy.reporting import print_measures

    summary = detstudy.evaluate(ground_truth, predictions)
    if as_json:
        _print_json({"measures": summary.measures, "per_class": summary.per_class, "undefined": summary.undefined})
        return
    print_measures(summary, _make_console())


@data_app.command("check")
def check_data(
    target: Annotated[str, typer.Argument(metavar="STUDY|PATH", help="a study file, a data set's folder or file")],
    annotations_only: Annotated[bool, typer.Option("--annotations-only", help="open no image")] = False,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Find every fault of a data set in one pass. Exit status 2 where one is fatal."""
    from rich.markup import escape
    from rich.progress import Progress

    import detstudy
    from detstudy.reporting import print_check

    console = _make_console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        rows: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in rows:
                rows[what] = bars.add_task(escape(what))
            bars.update(rows[what], completed=done, total=total)

        of_study = target.endswith((".yaml", ".yml"))
        asked = detstudy.load_study(target, tuple(overrides or ())) if of_study else target
        result = detstudy.check_data(asked, images=not annotations_only, progress=show)
    if as_json:
        splits = {name: dataclasses.asdict(counts) for name, counts in result.splits.items()}
        _print_json({"splits": splits, "faults": [dataclasses.asdict(fault) for fault in result.faults]})
    else:
        print_check(result, _make_console())
    if result.fatal:
        raise typer.Exit(EXIT_WRONG)


@data_app.command("draw")
def draw_data(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="is made; drawn into in KITTI-MOTS's layout")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    train_sequences: Annotated[int, typer.Option(min=1)] = 100,
    validation_sequences: Annotated[int, typer.Option(min=1)] = 20,
    frames: Annotated[int, typer.Option(min=1, help="frames a sequence")] = 4,
    width: Annotated[int, typer.Option(min=64, help="pixels")] = 320,
    height: Annotated[int, typer.Option(min=32, help="pixels")] = 96,
    as_json: Json = False,
) -> None:
    """Draw street scenes with exact masks: the training sequences from 0 on, then the validation sequences."""
    from rich.progress import Progress

    from detstudy.scenes.dataset import draw_scenes

    console = _make_console(stderr=as_json)
    with Progress(console=console, transient=True) as progress:
        row = progress.add_task("drawing", total=(train_sequences + validation_sequences) * frames)
        files = draw_scenes(
            folder,
            seed=seed,
            train_sequences=train_sequences,
            validation_sequences=validation_sequences,
            frames=frames,
            width=width,
            height=height,
            progress=lambda done, total: progress.update(row, completed=done, total=total),
        )
    if as_json:
        _print_json({"files": [str(path) for path in files]})
        return
    last = train_sequences + validation_sequences - 1
    console.print(
        f"{folder}: sequences 0 to {train_sequences - 1} to train, {train_sequences} to {last} to validate",
        markup=False,
    )


def main() -> None:
    """Run the command line; bad input becomes one clear error and exit status 2."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # of a damaged image the check says more
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is shown as an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        require_posix()
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_WRONG)
    except OSError as error:
        message = f"error: {error.filename or 'file system'}: {error.strerror or error}"
        print(escape_unprintable(message), file=sys.stderr)
        sys.exit(EXIT_WRONG)


def _make_console(*, stderr: bool = False) -> Console:
    from detstudy.console import PlainConsole

    stream = sys.stderr if stderr else sys.stdout
    return PlainConsole(stream, width=None if stream.isatty() else 120)  # wider than the 80 columns of no terminal


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=1, allow_nan=False))


def _parse_bounds(deadline: str | None, gpu_memory: str | None, forecast: bool) -> tuple[float | None, int | None]:
    """Return the deadline in seconds and the memory in bytes."""
    from detstudy.study.duration import parse_duration
    from detstudy.study.size import parse_size

    if (deadline or gpu_memory) and not forecast:
        raise typer.BadParameter("--deadline and --gpu-memory need --forecast")
    seconds = parse_duration(deadline) if deadline is not None else None
    memory = parse_size(gpu_memory) if gpu_memory is not None else None
    if deadline is not None and seconds is None:
        raise typer.BadParameter(f"--deadline {deadline}: a duration such as 3d, 12h, 90min or 1h30min is needed")
    if gpu_memory is not None and memory is None:
        raise typer.BadParameter(f"--gpu-memory {gpu_memory}: a size such as 11GiB or 900MiB is needed")
    return seconds, memory


def _write_report(folder: StudyFolder, console: Console | None) -> list[Path]:
    from detstudy.reporting import print_answer

    files = folder.write_report()
    if console is not None:
        print_answer(folder.analysis, console)
        for path in files:
            console.print(f"report: {path}", markup=False)
    return files


if __name__ == "__main__":
    main()
