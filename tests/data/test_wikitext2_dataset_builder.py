"""The TFDS builder of WikiText-2, with TFDS's own checks."""

import pytest

pytest.importorskip("dill")
tfds = pytest.importorskip("tensorflow_datasets")

from nao_tf.data.wikitext2 import wikitext2_dataset_builder  # noqa: E402


class Wikitext2Test(tfds.testing.DatasetBuilderTestCase):
    """Runs on `dummy_data`, as the unpacked archive."""

    DATASET_CLASS = wikitext2_dataset_builder.Builder
    SPLITS = {"train": 5, "validation": 4, "test": 4}
    OVERLAPPING_SPLITS = ["train", "validation", "test"]  # empty lines are examples, and all alike


def test_name_and_urls():
    assert wikitext2_dataset_builder.Builder.name == "wikitext2"
    assert set(wikitext2_dataset_builder.Builder.url_infos) == {wikitext2_dataset_builder.URL}
