"""The errors that a program tells in one line."""


class InputError(ValueError):
    """Wrong input of a user.

    Its message is one clear line: what is wrong, where, and what would be right. The command line prints it and exits
    with status 1, without a traceback.
    """


class RunError(RuntimeError):
    """A run that cannot go on although its input is right, as when nothing that it trains converges.

    Its message is one clear line; the command line prints it and exits with status 1.
    """
