"""Makes examples/quickstart.ipynb from examples/quickstart.py, whose cells begin with "# %%".

Run it: python examples/make_notebook.py
"""

import json
import pathlib
import re

SCRIPT = pathlib.Path(__file__).with_name("quickstart.py")
NOTEBOOK = SCRIPT.with_suffix(".ipynb")


def notebook_of(script: str) -> str:
    """The notebook of a script with cells, as the text of its file (nbformat 4.5)."""
    cells = []
    for number, part in enumerate(re.split(r"^# %%", script, flags=re.MULTILINE)[1:]):
        kind, _, body = part.partition("\n")
        lines = body.strip().splitlines(keepends=True)
        cell = {"id": f"cell-{number}", "metadata": {}}
        if kind.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
            cell = {"cell_type": "markdown", **cell, "source": lines}
        else:
            cell = {"cell_type": "code", **cell, "execution_count": None, "outputs": [], "source": lines}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    NOTEBOOK.write_text(notebook_of(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
