"""What an exported model was trained on: the fingerprint of the data, in a file beside the SavedModel's own."""

import json
import os
import pathlib

FILE = pathlib.Path("assets.extra") / "training_data.json"
_KEY = "fingerprint"


def write(directory: os.PathLike[str] | str, fingerprint: str) -> None:
    """Adds the fingerprint of the training data to a SavedModel that is being written."""
    path = pathlib.Path(directory) / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({_KEY: fingerprint}) + "\n", encoding="utf-8")


def read(directory: os.PathLike[str] | str) -> str | None:
    """The fingerprint of the data that a SavedModel was trained on; None: it does not say."""
    try:
        content = json.loads((pathlib.Path(directory) / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # an earlier release's export, or a file of somebody else
        return None
    found = content.get(_KEY) if isinstance(content, dict) else None
    return found if isinstance(found, str) else None
