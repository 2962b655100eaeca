"""Published data as TFDS has them: finding what is prepared, preparing what is not, reading lines or images back.

`find` touches the disk only and never imports TFDS; the others do.
"""

import os
import urllib.request
from pathlib import Path

import numpy as np

from nao_tf.data.published import SPLITS
from nao_tf.errors import InputError

_SECONDS_TO_ANSWER = 20  # TFDS itself retries for minutes before it says that there is no network


def default_directory() -> Path:
    """Where TFDS keeps prepared data: `$TFDS_DATA_DIR`, else `~/tensorflow_datasets` (TFDS's own default)."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def find(task: str, tfds_dir: str | Path | None = None) -> Path | None:
    """The folder of the newest prepared version of a corpus; None when there is none.

    Args:
        task: the name of the builder, `ptb` or `wikitext2`.
        tfds_dir: where prepared data lie; `default_directory` when not given.
    """
    directory = default_directory() if tfds_dir is None else Path(tfds_dir).expanduser()
    versions = {}
    for info in directory.glob(f"{task}/*/dataset_info.json"):  # written last, so an unfinished version has none
        numbers = info.parent.name.split(".")
        if all(number.isdecimal() for number in numbers):
            versions[tuple(int(number) for number in numbers)] = info.parent
    return versions[max(versions)] if versions else None


def download(task: str, tfds_dir: str | Path | None = None) -> Path:
    """Prepares a corpus from the network, and returns its folder.

    Raises:
        InputError: the network, or the file on it, cannot be had or is not the published one.
    """
    from tensorflow_datasets.core.download import download_manager, util

    builder_class, urls = _BUILDERS[task]()
    remedy = "give a folder of the published files with --data_dir"
    try:
        for url in urls:
            urllib.request.urlopen(  # asked first, because this fails fast
                urllib.request.Request(url, method="HEAD"), timeout=_SECONDS_TO_ANSWER
            ).close()
        builder = builder_class(data_dir=default_directory() if tfds_dir is None else Path(tfds_dir).expanduser())
        builder.download_and_prepare()
    except (OSError, util.DownloadError, download_manager.NonMatchingChecksumError) as error:
        reason = " ".join(str(error).split())  # one line
        raise InputError(f"{task}: the download from {urls[0]} failed ({reason}); {remedy}") from error
    return Path(builder.data_dir)


def read(directory: Path) -> dict[str, list[str]]:
    """The lines of a prepared corpus: part (`train`, `valid`, `test`) → lines in the order of the text.

    Raises:
        InputError: the data were not prepared by this project's builders (another data set of that name).
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


def read_images(directory: Path) -> tuple[tuple, tuple, tuple[str, ...]]:
    """The images of a prepared data set.

    Returns:
        Training images uint8 `[N, H, W, C]` and classes int32 `[N]`; those of the test; the names of the classes.

    Raises:
        InputError: the data are not those of TFDS (another data set of that name).
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
