"""The commands of the pages that can be run here, as they are printed or with --dry_run; make test-docs."""

import importlib.util
import json
import re
import shutil

import numpy as np
import pytest

from tests.commands.printed import SMALL, filled, given, make
from tests.docs.page_commands import DRY, ROOT, RUN, all_commands, blocks_of

COMMANDS = all_commands()
SERVING = (ROOT / "docs" / "serving.md").read_text()
BLOCKS = [block for block in blocks_of(SERVING) if block.startswith("import ")]
PRELUDES = {  # of a block with the word: what its reader has
    "found_cell": "import numpy as np\nimages, classes = np.zeros([8, 32, 32, 3], np.uint8), np.arange(8) % 2\n",
    "model.keras": "import numpy as np\ninputs, targets = np.zeros([8, 32, 32, 3], np.uint8), np.arange(8) % 2\n",
    "tflite": "",
    "openvino": "",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The place with small runs of a text and of pictures."""
    folder = make(tmp_path_factory.mktemp("place"))
    for task, data in {"images": "pictures", "ptb": "texts"}.items():
        done = given(f"bin/nao_search --task={task} --data_dir={data} --work_dir=runs/{data} {SMALL[task]}", folder)
        assert done.returncode == 0, done.stderr
    (folder / "runs" / "texts").rename(folder / "runs" / "ptb")
    for name in ("cifar10", "images"):  # other pages' names for a run of pictures
        shutil.copytree(folder / "runs" / "pictures", folder / "runs" / name)
    np.save(folder / "tokens.npy", np.array([[4, 17, 42, 5]], np.int32))
    return folder


@pytest.mark.parametrize("command", [pytest.param(one, id=one.place) for one in COMMANDS if one.treatment == RUN])
def test_a_command_runs_as_it_is_printed(command, place):
    done = given(filled(command.text), place)
    assert done.returncode == 0, done.stderr
    if "nao_search" in command.text and "--dry_run" not in command.text:
        shutil.rmtree(place / "runs" / re.search(r"--task=(\w+)", command.text)[1])  # the next one has other flags


@pytest.mark.parametrize("command", [pytest.param(one, id=one.place) for one in COMMANDS if one.treatment == DRY])
def test_a_command_says_what_it_would_do(command, place):
    done = given(f"{filled(command.text)} --dry_run", place)
    assert done.returncode == 0, done.stderr
    assert "settings" in json.loads(done.stdout)


@pytest.mark.parametrize("word", PRELUDES)
def test_a_block_of_python_of_the_serving_page_runs(word, place):
    if word == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("OpenVINO is not installed")
    [block] = [block for block in BLOCKS if word in block]
    where = place / "runs" / "pictures" / "export" / "child" / "keras" if word == "found_cell" else place
    where = place / "runs" / "pictures" if word == "model.keras" else where
    (where / "block.py").write_text(f"import sys\nsys.path.append({str(ROOT)!r})\n{PRELUDES[word]}{block}")
    done = given("python block.py", where)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["quickstart", "optuna_sampler", "keras_tuner_oracle"])
def test_an_example_runs(name, place):
    done = given(f"PYTHONPATH={ROOT}:$PYTHONPATH python {ROOT / 'examples' / name}.py", place)
    assert done.returncode == 0, done.stderr
    if name == "quickstart":
        said, are = (line.split()[1:] for line in done.stdout.splitlines()[-2:])
        assert sum(a == b for a, b in zip(said[-10:], are[-10:], strict=True)) > 3  # one is chance


def test_the_pages_about_the_public_face_have_every_name(place):
    import nao_tf

    done = given(f"PYTHONPATH={ROOT}:$PYTHONPATH python {ROOT / 'docs' / 'api_pages.py'} pages", place)
    assert done.returncode == 0, done.stderr
    page = (place / "pages" / "nao_tf.html").read_text()
    names = [name for name in nao_tf.__all__ if name not in ("__version__", "search", "testing")]
    assert names and all(f'<section id="{name}"' in page for name in names)
    assert (place / "pages" / "nao_tf" / "search" / "search.html").exists()
