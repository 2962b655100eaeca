"""The TFDS builder of the Penn Treebank, with TFDS's own checks."""

import pytest

pytest.importorskip("dill")
tfds = pytest.importorskip("tensorflow_datasets")

from nao_tf.data.ptb import ptb_dataset_builder  # noqa: E402


class PtbTest(tfds.testing.DatasetBuilderTestCase):
    """Runs on `dummy_data`, as manual files."""

    DATASET_CLASS = ptb_dataset_builder.Builder
    SPLITS = {"train": 4, "validation": 2, "test": 2}


def test_name_and_urls():
    assert ptb_dataset_builder.Builder.name == "ptb"
    assert set(ptb_dataset_builder.URLS.values()) == set(ptb_dataset_builder.Builder.url_infos)
