"""Every block of Python in the pages runs as it is printed."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES_OF_THE_READER = ("MyStrategy", "train_and_validate")  # blocks with them are run by tests of their own
PAGES = [ROOT / "README.md", ROOT / "BUILD.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    if page.name != "serving.md"  # clients in environments of their own: tests/serving/test_client_examples.py
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
    if not any(name in block for name in NAMES_OF_THE_READER)
]


def test_there_are_blocks():
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block, tmp_path):
    script = tmp_path / "block.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{block}")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
