"""The example of README.md runs as it stands."""

import pathlib
import re

import pytest

import nao_tf

README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
EXAMPLE = re.search(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]


def test_the_example_is_fifteen_lines_or_so():
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 15


@pytest.mark.skipif(not hasattr(nao_tf, "search"), reason="nao_tf.search is not there yet")
def test_the_example_prints_the_best_of_sixty_networks(capsys):
    scores = {}

    def train_and_validate(depth, width, activation, dropout):
        """A made-up accuracy: deep, wide, relu and a little dropout are best, with 3.0."""
        score = int(depth) / 8 + int(width) / 128 + (activation == "relu") - abs(float(dropout) - 0.1)
        scores[depth, width, activation, dropout] = score
        return score

    exec(compile(EXAMPLE, "README.md", "exec"), {"train_and_validate": train_and_validate})  # this repository's own
    assert len(scores) == 60
    printed, text = capsys.readouterr().out.strip().split(" ", 1)
    decisions = dict(item.split("=") for item in text.split(", "))
    assert list(decisions) == ["depth", "width", "activation", "dropout"]
    assert float(printed) == pytest.approx(max(scores.values()))
    assert scores[tuple(decisions.values())] == max(scores.values()) > 2.5
