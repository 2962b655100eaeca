"""From a folder of pictures to an answer, by the five commands of docs/serving.md; make test-docs."""

import base64
import json
import pathlib
import stat

import pytest
import tensorflow as tf

from tests.commands.printed import SMALL, filled, given, make
from tests.docs.page_commands import ROOT, commands_of

PAGE = (ROOT / "docs" / "serving.md").read_text()
SECTION = PAGE.split("## From a folder of your pictures to a server\n")[1].split("\n## ")[0]
INSTALL, SEARCH, ASK, SERVE, REQUEST = (command.text for command in commands_of("docs/serving.md", SECTION))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The place after the search, as it is printed with less to do."""
    folder = make(tmp_path_factory.mktemp("place"))
    done = given(f"{SEARCH} {SMALL['images']}", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_picture_is_labelled(place):
    done = given(ASK, place)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["image"] == "new.jpg" and answer["label"] in ("beach", "forest") and 0.5 <= answer["probability"] <= 1


def test_the_request_is_answered_by_the_model_that_the_server_is_started_with(place):
    """No server is here: what `curl` would send is given to the signature that it names."""
    programs = place / "programs"
    programs.mkdir()
    (programs / "curl").write_text('#!/bin/sh\necho "$@" > arguments\ncat > request\n')
    (programs / "curl").chmod(stat.S_IRWXU)
    done = given(REQUEST, place, path=(str(programs),))
    assert done.returncode == 0, done.stderr
    request = json.loads((place / "request").read_text())
    address = (place / "arguments").read_text().split()[-1]
    named = dict(word.removeprefix("--").split("=") for word in SERVE.split()[1:])
    assert address == f"http://localhost:{named['rest_api_port']}/v1/models/{named['model_name']}:predict"
    [picture] = request["inputs"]["image_bytes"]
    content = base64.b64decode(picture["b64"])
    assert content == (place / "new.jpg").read_bytes()
    model = tf.saved_model.load(pathlib.Path(named["model_base_path"].replace("$PWD", str(place))) / "1")
    answer = model.signatures[request["signature_name"]](image_bytes=tf.constant([content]))
    told = json.loads(given(ASK, place).stdout)
    assert answer["labels"].numpy()[0].decode() == told["label"]
    assert float(tf.reduce_max(answer["probabilities"])) == pytest.approx(told["probability"], abs=1e-4)


def test_the_first_command_makes_what_the_makefile_says():
    assert INSTALL == "make .venv/ready" and ".venv/ready:" in (ROOT / "Makefile").read_text()
    assert filled(SEARCH) == SEARCH  # nothing is to be filled in
