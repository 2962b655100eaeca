"""Shared by the TFDS builders of the published corpora: examples `{"text": line}`, in the order of the text."""

import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from nao_tf.data.lines import read_lines
from nao_tf.data.published import has_published_files, published_files


def line_info(builder: tfds.core.DatasetBuilder, homepage: str) -> tfds.core.DatasetInfo:
    """The data set's description: one scalar string `text`, read back unshuffled (a text has an order)."""
    return builder.dataset_info_from_configs(
        features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
        homepage=homepage,
        disable_shuffling=True,
    )


def line_examples(path: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Key (the number of the line) and example of every line of a file, empty lines too."""
    for number, line in enumerate(read_lines(path)):
        yield number, {"text": line}


def manual_files(task: str, downloads: tfds.download.DownloadManager) -> dict[str, pathlib.Path] | None:
    """Part -> file, when the user gave a `manual_dir` with the published files; else None.

    Raises:
        InputError: the folder holds some of the files, but not all.
    """
    try:
        folder = downloads.manual_dir
    except AssertionError:  # how TFDS says that there is no such folder, or an empty one
        return None
    return published_files(task, folder) if has_published_files(task, folder) else None
