"""Lines of JSON that end with a check value of what precedes it, so that a line that was changed is noticed."""

import hashlib
import re

CHECK = "check"  # the last field of a line
_CHECK = re.compile(rb', "check": "([0-9a-f]{8})"\}')


def with_check(line: bytes) -> bytes:
    """A line, which is a JSON object, with its check value as the last field."""
    check = hashlib.blake2b(line, digest_size=4).hexdigest()
    return line[:-1] + f', "{CHECK}": "{check}"}}'.encode()


def is_intact(line: bytes) -> bool:
    """Whether a line with a check value is as it was written."""
    check = _CHECK.search(line, max(0, len(line) - 30))
    return check is not None and check.end() == len(line) and with_check(line[: check.start()] + b"}") == line
