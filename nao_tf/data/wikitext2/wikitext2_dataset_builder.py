"""WikiText-2, word level (Merity et al. 2016): a TFDS builder."""

import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds

from nao_tf.data.line_examples import line_examples, line_info, manual_files
from nao_tf.data.published import SPLITS, published_files

URL = "https://wikitext.smerity.com/wikitext-2-v1.zip"
FOLDER_IN_ARCHIVE = "wikitext-2"


class Builder(tfds.core.GeneratorBasedBuilder):
    """One example `{"text": line}` a line (empty lines too), splits `train`, `validation` and `test`, in order."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The published files, one example a line."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Optional: put wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens (or train.txt, valid.txt, test.txt)"
        " here. Without them they are downloaded."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return line_info(self, homepage="https://arxiv.org/abs/1609.07843")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        files = manual_files("wikitext2", dl_manager)
        if files is None:
            files = published_files("wikitext2", dl_manager.download_and_extract(URL) / FOLDER_IN_ARCHIVE)
        return {SPLITS[part]: self._generate_examples(path) for part, path in files.items()}

    def _generate_examples(self, path: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
        return line_examples(path)
