"""The error of a user's wrong input."""


class InputError(ValueError):
    """Wrong input of a user.

    Its message is one clear line: what is wrong, where, and what would be right. The command line prints it and exits
    with status 1, without a traceback.
    """
