"""The process that works on one task: `python -m detstudy.execution.worker` with an assignment on standard input.

The assignment is one line of JSON. Events go to standard output, one line of JSON each; everything printed goes to
standard error, which is the run's log. Standard input stays open as a lifeline: when the driver is gone, the worker
stops, and ends what it has started.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from detstudy.errors import InputError
from detstudy.execution.events import Event, Refused, encode_event
from detstudy.execution.executors.assignment import Assignment, read_assignment
from detstudy.execution.executors.tree import ProcessTree
from detstudy.execution.tasks import SettingsCheck, Task
from detstudy.execution.work import (
    EXIT_HELD,
    EXIT_REFUSED,
    NO_ROOM_REMEDY,
    STACKS_SIGNAL,
    do_work,
    is_unwritable,
)
from detstudy.ledger import LeaseHeldError, Ledger
from detstudy.study.trainer import make_trainer
from detstudy.trainers.contract import RefusedError

EXIT_STOPPED = 143
LAST_SECONDS = 20.0


def main() -> int:
    """Read the assignment, work, return the exit status."""
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print belongs in the log
    assignment = read_assignment()
    signal.signal(signal.SIGTERM, _stop)
    faulthandler.register(STACKS_SIGNAL)  # the driver asks a worker that hangs where it is
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides; a terminal sends it to all
    threading.Thread(target=hold_lifeline, daemon=True).start()

    def notify(event: Event) -> None:
        with contextlib.suppress(BrokenPipeError):
            events.write(encode_event(event))

    try:
        do_assignment(assignment, notify)
    except LeaseHeldError:
        return EXIT_HELD
    except InputError as error:  # RefusedError, and a study's folder that is no longer what it was
        notify(Refused(str(error)))
        return EXIT_REFUSED
    except KeyboardInterrupt:
        ProcessTree(os.getpid()).end(group=False)  # where the driver has died nobody else does
        return EXIT_STOPPED
    except OSError as error:
        if not is_unwritable(error):
            raise
        where = error.filename or assignment.folder
        notify(Refused(f"{where}: {error.strerror}; {NO_ROOM_REMEDY}"))
        return EXIT_REFUSED
    return 0


def do_assignment(assignment: Assignment, notify: Callable[[Event], None]) -> None:
    """Work on the runs that the assignment names; without any check all settings."""
    ledger = Ledger(Path(assignment.folder))
    study = ledger.load_study()
    trainer = make_trainer(study.trainer.choice)
    details = assignment.details
    if not details:
        do_work(SettingsCheck(), study, ledger, trainer, assignment.place, notify)
        return
    wanted = {(setting_id, seed) for setting_id, seed in details["runs"]}
    runs = tuple(run for run in ledger.load_plan().runs if (run.setting_id, run.seed) in wanted)
    if len(runs) < len(wanted) or ledger.run_folder(runs[0]).name != details["training"]:
        raise RefusedError(f"{ledger.folder}: another driver has changed the study meanwhile; run it again")
    task = Task(runs=runs, splits=tuple(details["splits"]))
    do_work(task, study, ledger, trainer, assignment.place, notify)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def hold_lifeline() -> None:
    """End this process soon after the one that started it closes its standard input, by dying or otherwise."""
    # Unbuffered: a thread blocked inside the buffered reader would hold its lock at exit.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    ProcessTree(os.getpid()).end(group=False)
    os._exit(EXIT_STOPPED)


if __name__ == "__main__":
    sys.exit(main())
