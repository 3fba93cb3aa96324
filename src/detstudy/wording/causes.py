"""Why a run ended as it did, in words."""

from __future__ import annotations

from detstudy.ledger.causes import Cause, Reason, name_signal
from detstudy.numbers import format_size
from detstudy.wording.say import say

QUOTED = 80  # characters of a log's line

SEE_LOG = " (see log.txt)"


@say.register
def _(fact: Reason) -> str:
    text = _say_cause(fact)
    if fact.densest_batch:
        text += f"; its densest batch so far: {fact.densest_batch}"
    return f"evaluation: {text}" if fact.evaluating else text


def _say_cause(fact: Reason) -> str:
    memory, held = fact.memory, ""
    if memory is not None:
        held = f"; it held up to {format_size(memory.worker)} of {format_size(memory.limit)}"
    match fact.cause:
        case Cause.KERNEL_LOG:
            return f"out of memory: the kernel's log says that it killed the worker{held}"
        case Cause.KILL_COUNT:
            return f"out of memory: the system's count of processes killed for it rose{held}"
        case Cause.FULL_MEMORY:
            full = f"{format_size(memory.used)} of {format_size(memory.limit)}" if memory else "all"
            return f"out of memory, by all that is known: killed when {full} were in use{held}"
        case Cause.LAST_WORDS:
            return f'out of memory: its log ends with "{(fact.text or "")[:QUOTED]}"{held}'
        case Cause.KILLED:
            return f"the worker was killed from outside (signal 9){held}{SEE_LOG}"
        case Cause.SIGNAL:
            return f"the worker was killed by {name_signal(int(fact.number))}{SEE_LOG}"
        case Cause.STATUS:
            return f"the worker ended with status {fact.number:.0f}{SEE_LOG}"
        case Cause.NO_PROGRESS:
            return f"no progress for {fact.number:g} minutes (limits.no_progress_minutes; see log.txt)"
        case Cause.HOURS:
            return (
                f"more than {fact.number:g} hours of training (limits.hours) at iteration {fact.iteration}; it goes on "
                "from its checkpoint when the limit is higher"
            )
        case Cause.MEMORY_ERROR:
            return f"out of memory: {fact.text}{SEE_LOG}"
        case Cause.ERROR:
            return f"{fact.text}{SEE_LOG}"
        case Cause.SECOND_TRY:
            return f"{fact.text}, since the first attempt ended so: {say(fact.first)}"
        case Cause.TRAINER:
            return fact.text or ""
