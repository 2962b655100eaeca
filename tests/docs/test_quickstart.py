"""The notebook of the quickstart is the script. `make test-docs` runs it."""

import ast
import json

from examples.make_notebook import NOTEBOOK, SCRIPT, notebook_of


def test_the_notebook_is_made_from_the_script():
    assert NOTEBOOK.read_text(encoding="utf-8") == notebook_of(SCRIPT.read_text(encoding="utf-8"))


def test_nothing_of_the_script_is_lost():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(SCRIPT.read_text(encoding="utf-8")))
    comments = [line for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"]]
    assert comments[0] == "# Quickstart\n" and not any(line.startswith("# #") for line in comments)
    assert len({cell["id"] for cell in cells}) == len(cells) > 8
