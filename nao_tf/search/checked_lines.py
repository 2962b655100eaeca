"""Lines of JSON that end with a check value of what precedes it, so that a line that was changed is noticed."""

import hashlib
import re
from typing import Any

from nao_tf import files

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


def whole_lines(content: bytes) -> list[bytes]:
    """The lines of a file that are whole; what is behind the last line break, a kill has cut short."""
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def fields_of(line: bytes) -> dict[str, Any]:
    """The fields of a line, of an older release also without a check value.

    Raises:
        ValueError: it is no JSON object, or it was changed since its check value was made.
    """
    fields = files.json_values(line)
    if not isinstance(fields, dict):
        raise ValueError("it is no evaluation")
    if CHECK in fields and not is_intact(line):
        raise ValueError("it was changed by hand: its check value does not fit")
    return fields
