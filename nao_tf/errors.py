"""Errors that end a program with a one-line message."""


class InputError(ValueError):
    """Wrong input of a user.

    Its message is one clear line: what is wrong, where, and what would be right. The command line prints it and exits
    with status 1, without a traceback.
    """


class RunError(RuntimeError):
    """A run that cannot go on although its input is right, for instance because no training converges.

    Its message is one clear line; the command line prints it and exits with status 1.
    """


class DivergedError(RunError):
    """A training loss, or a figure of a trained model, is not a finite number."""
