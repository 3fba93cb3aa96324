"""The one kind of error that a person sees as a message, not as a traceback."""


class InputError(ValueError):
    """What was given is wrong: the message names what, where, what would be accepted and what to do."""
