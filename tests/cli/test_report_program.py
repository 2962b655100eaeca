"""bin/nao_report as a user runs it, and what it makes of texts."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image
from programs import program, run

from nao_tf.architecture import ArchitectureError
from nao_tf.cli.report import read
from nao_tf.errors import InputError

PROGRAM = program("nao_report")


@pytest.mark.parametrize(
    "text, task, space",
    [
        ("NAONet", None, "nao"),
        ("NAO", None, "rnn"),
        ("NAO-WS", "wikitext2", "rnn"),
        ("NAO-WS", "images", "enas"),
        ("0 1 0 1 2 2 3 3 0 1 0 1 2 2 3 3 0 1 0 1 2 2", None, "rnn"),
        ("3 3 3 1 3 2", None, "nasbench201"),
        ("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|none~2|", None, "nasbench201"),
        ("depth=4, width=32", None, "decisions"),
        ("depth=4, width=32", "table", "decisions"),
    ],
)
def test_architectures_are_read_as_what_they_can_only_be(text, task, space):
    assert read(text, task).space.name == space


def test_what_could_be_two_things_or_is_none_is_refused():
    with pytest.raises(InputError, match="--task=ptb or --task=cifar10"):
        read("NAO-WS", None)
    with pytest.raises(InputError, match="is none of a recurrent cell"):
        read("no such name", None)
    with pytest.raises(ArchitectureError, match="rnn takes 22"):
        read("1 2 3", "ptb")
    with pytest.raises(ArchitectureError, match="no list of decisions"):
        read("depth=4, =3", "table")
    with pytest.raises(ArchitectureError, match="twice"):
        read("depth=4, depth=8", "table")


def test_drawings_as_svg_and_png_and_wrong_ones_in_one_line(tmp_path):
    done = run(*PROGRAM, "--architecture=NAO", f"--draw={tmp_path / 'cell.svg'}")
    assert done.returncode == 0 and not done.stderr and not done.stdout
    tree = ElementTree.fromstring((tmp_path / "cell.svg").read_text())
    assert tree.find("{http://www.w3.org/2000/svg}title").text == "NAO"
    done = run(*PROGRAM, "--architecture=3 3 3 1 3 2", "--title=best", f"--draw={tmp_path / 'cell.png'}")
    assert done.returncode == 0 and Image.open(io.BytesIO((tmp_path / "cell.png").read_bytes())).width > 200
    for arguments in (["--architecture=NAO"], ["--architecture=NAO", f"--draw={tmp_path / 'cell.gif'}"]):
        done = run(*PROGRAM, *arguments)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and ".png" in done.stderr
    assert not (tmp_path / "cell.gif").exists()
