"""Published data in TFDS: finding a prepared data set, preparing it, reading its lines or images.

`find` touches the disk only and never imports TFDS; the others do.

Letters: N images, H height, W width, C channels.
"""

import os
import pathlib
import urllib.request

import numpy as np

from nao_tf.data.published import SPLITS
from nao_tf.errors import InputError

_SECONDS_TO_ANSWER = 20  # TFDS itself retries for minutes before it reports that there is no network


def default_directory() -> pathlib.Path:
    """The folder of prepared data: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets` (TFDS's own default)."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def find(task: str, tfds_dir: str | pathlib.Path | None = None) -> pathlib.Path | None:
    """The folder of the newest prepared version of a data set; None when there is none.

    Args:
        task: the name of the builder: `ptb`, `wikitext2`, `cifar10` or `cifar100`.
        tfds_dir: the folder of prepared data; `default_directory` when not given.
    """
    directory = default_directory() if tfds_dir is None else pathlib.Path(tfds_dir).expanduser()
    versions = {}
    for info in directory.glob(f"{task}/*/dataset_info.json"):  # written last, so an unfinished version has none
        numbers = info.parent.name.split(".")
        if all(number.isdecimal() for number in numbers):
            versions[tuple(int(number) for number in numbers)] = info.parent
    return versions[max(versions)] if versions else None


def download(task: str, tfds_dir: str | pathlib.Path | None = None) -> pathlib.Path:
    """Downloads and prepares a data set, and returns its folder.

    Args: see `find`.

    Raises:
        InputError: the download failed, or the file is not the published one.
    """
    from tensorflow_datasets.core.download import download_manager, util

    builder_class, urls = _BUILDERS[task]()
    remedy = "give a folder of the published files with --data_dir"
    try:
        for url in urls:
            urllib.request.urlopen(  # before TFDS, because this fails fast
                urllib.request.Request(url, method="HEAD"), timeout=_SECONDS_TO_ANSWER
            ).close()
        builder = builder_class(
            data_dir=default_directory() if tfds_dir is None else pathlib.Path(tfds_dir).expanduser()
        )
        builder.download_and_prepare()
    except (OSError, util.DownloadError, download_manager.NonMatchingChecksumError) as error:
        reason = " ".join(str(error).split())  # one line
        raise InputError(f"{task}: the download from {urls[0]} failed ({reason}); {remedy}") from error
    return pathlib.Path(builder.data_dir)


def read(directory: pathlib.Path) -> dict[str, list[str]]:
    """The lines of a prepared corpus: part (`train`, `valid`, `test`) -> lines in the order of the text.

    Raises:
        InputError: the data are not from this project's builders (another data set of that name).
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    if "text" not in builder.info.features or not set(SPLITS.values()) <= set(builder.info.splits):
        raise InputError(
            f"{directory}: not prepared by nao_tf (needs a feature 'text' and the splits {', '.join(SPLITS.values())});"
            " give another folder with --data_dir"
        )
    in_order = tfds.ReadConfig(interleave_cycle_length=1)  # shards one after the other
    return {
        part: [
            example["text"].decode("utf-8")
            for example in tfds.as_numpy(builder.as_dataset(split=split, read_config=in_order))
        ]
        for part, split in SPLITS.items()
    }


def read_images(
    directory: pathlib.Path,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], tuple[str, ...]]:
    """The images of a prepared data set.

    Returns:
        Training images uint8 `[N, H, W, C]` and classes int32 `[N]`; the same of the test; the names of the classes.

    Raises:
        InputError: the data are not TFDS's (another data set of that name).
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    features = builder.info.features
    if not {"image", "label"} <= set(features) or not {"train", "test"} <= set(builder.info.splits):
        raise InputError(
            f"{directory}: not prepared by TFDS (needs features 'image' and 'label' and the splits train, test);"
            " give another folder with --data_dir"
        )
    in_order = tfds.ReadConfig(interleave_cycle_length=1)  # shards one after the other

    def part(split):
        rows = list(tfds.as_numpy(builder.as_dataset(split=split, read_config=in_order)))
        return np.stack([row["image"] for row in rows]), np.array([row["label"] for row in rows], np.int32)

    return part("train"), part("test"), tuple(features["label"].names)


def _cifar(name: str, archive: str) -> tuple[type, list[str]]:
    import tensorflow_datasets as tfds

    return tfds.builder_cls(name), [f"https://www.cs.toronto.edu/~kriz/{archive}"]


def _ptb() -> tuple[type, list[str]]:
    from nao_tf.data.ptb import ptb_dataset_builder

    return ptb_dataset_builder.Builder, list(ptb_dataset_builder.URLS.values())


def _wikitext2() -> tuple[type, list[str]]:
    from nao_tf.data.wikitext2 import wikitext2_dataset_builder

    return wikitext2_dataset_builder.Builder, [wikitext2_dataset_builder.URL]


_BUILDERS = {  # functions, so that TFDS is imported only when one is called
    "ptb": _ptb,
    "wikitext2": _wikitext2,
    "cifar10": lambda: _cifar("cifar10", "cifar-10-binary.tar.gz"),
    "cifar100": lambda: _cifar("cifar100", "cifar-100-binary.tar.gz"),
}
