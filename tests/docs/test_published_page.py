"""The counts of docs/published.md are those that the package makes, and its commands those that the programs take."""

import pathlib
import re

import pytest

from nao_tf.architecture import ConvolutionalSpace, parse_cells
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.macro import published_macro
from nao_tf.child.images.size import size_of_cells
from nao_tf.training.published_networks import PUBLISHED_NETWORKS, cells_in, published_training

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "published.md").read_text()
ROW = re.compile(r"^\| ([\w-]+) \| (nao\w*) \| (\d) \| (\d+) \| ([\d,*| ]+) \|$", re.MULTILINE)
ROWS = [match.groups() for match in ROW.finditer(PAGE)]


def numbers(text):
    return [int(each.replace(",", "").strip(" *")) for each in text.split("|")]


def test_every_published_network_has_a_row():
    names = [name for name, *_ in ROWS]
    assert set(PUBLISHED_NETWORKS) <= set(names) and len(ROWS) == 19


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[3]} {len(row[4])}")
def test_counts_are_those_of_the_networks(row):
    name, macro, between, filters, counts = row
    architecture = parse_cells(cells_in(name), ConvolutionalSpace("nao"))
    assert published_macro(architecture) == macro
    given, found = numbers(counts), []
    for classes in (10, 100) if len(given) == 4 else (1000,):
        large = classes == 1000
        size = size_of_cells(
            cells_of(architecture),
            [224, 224, 3] if large else [32, 32, 3],
            classes=classes,
            filters=int(filters),
            layers=3 * int(between),
            macro=macro,
            stem="imagenet" if large else "cifar",
        )
        found += [size.parameters, size.multiply_adds]
    assert found == given
    task = "imagenet" if len(given) == 2 else "cifar10"
    training = published_training(name, architecture, task=task)
    if training is not None:  # what the command with this name builds
        assert (training.filters, training.layers, training.macro) == (int(filters), 3 * int(between), macro)
