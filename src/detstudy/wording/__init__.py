"""English for what was found: `say(fact)` gives the words of any fact, for page, Markdown, terminal and JSON alike."""

from detstudy.wording import (  # noqa: F401  they give words to the facts that they know
    audit,
    causes,
    caveat,
    choice,
    conclusion,
    convergence,
    cost,
    effective,
    error_kind,
    exploration,
    forecast,
    interaction,
    note,
    proposal,
    reason,
    setting,
    states,
    warning,
)
from detstudy.wording.say import say

__all__ = ["say"]
