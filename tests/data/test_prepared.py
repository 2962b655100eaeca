"""Prepared TFDS data: found, prepared from a (local) network, read back."""

import hashlib
import http.server
import pathlib
import threading
import zipfile

import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from nao_tf.data import prepared  # noqa: E402
from nao_tf.data.ptb import ptb_dataset_builder  # noqa: E402
from nao_tf.data.text import load_corpus  # noqa: E402
from nao_tf.data.wikitext2 import wikitext2_dataset_builder  # noqa: E402
from nao_tf.errors import InputError  # noqa: E402

PTB_FILES = pathlib.Path(ptb_dataset_builder.__file__).parent / "dummy_data"
WIKITEXT2_FILES = pathlib.Path(wikitext2_dataset_builder.__file__).parent / "dummy_data"


def prepare(builder_class, files, directory):
    builder = builder_class(data_dir=directory)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=files))
    return pathlib.Path(builder.data_dir)


@pytest.mark.parametrize(
    "task, builder_class, files",
    [
        ("ptb", ptb_dataset_builder.Builder, PTB_FILES),
        ("wikitext2", wikitext2_dataset_builder.Builder, WIKITEXT2_FILES / "wikitext-2"),
    ],
)
def test_prepared_data_equal_the_files(tmp_path, task, builder_class, files):
    directory = prepare(builder_class, files, tmp_path)
    assert prepared.find(task, tmp_path) == directory
    corpus = load_corpus(task, tfds_dir=tmp_path)
    assert corpus.source == f"TFDS {task}/1.0.0 at {directory}"
    assert corpus.fingerprint() == load_corpus(task, files).fingerprint()


def test_find_takes_the_newest_finished_version(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert prepared.find("ptb") is None
    for version in ("1.9.0", "1.10.0", "1.0.0.incompleteABC"):
        (tmp_path / "ptb" / version).mkdir(parents=True)
        (tmp_path / "ptb" / version / "dataset_info.json").touch()
    (tmp_path / "ptb" / "2.0.0").mkdir()  # unfinished
    assert prepared.find("ptb") == tmp_path / "ptb" / "1.10.0"


def test_the_default_directory_is_that_of_tfds(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert prepared.default_directory() == pathlib.Path.home() / "tensorflow_datasets"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A web server with what `tmp_path/www` holds."""
    folder = tmp_path / "www"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *arguments):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def record(monkeypatch, builder_class, folder, address):
    """Gives the builder the checksums of the local files."""
    infos = {}
    for path in folder.iterdir():
        data = path.read_bytes()
        infos[f"{address}/{path.name}"] = tfds.core.download.checksums.UrlInfo(
            size=tfds.core.utils.Size(len(data)), checksum=hashlib.sha256(data).hexdigest(), filename=path.name
        )
    monkeypatch.setattr(builder_class, "url_infos", infos)


def test_download_of_ptb(tmp_path, monkeypatch, network):
    folder, address = network
    for path in PTB_FILES.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    urls = {part: f"{address}/ptb.{part}.txt" for part in ("train", "valid", "test")}
    monkeypatch.setattr(ptb_dataset_builder, "URLS", urls)
    record(monkeypatch, ptb_dataset_builder.Builder, folder, address)
    corpus = load_corpus("ptb", download=True, tfds_dir=tmp_path / "tfds")
    assert corpus.fingerprint() == load_corpus("ptb", PTB_FILES).fingerprint()
    assert load_corpus("ptb", tfds_dir=tmp_path / "tfds").source == corpus.source  # the next time without download


def test_download_of_wikitext2(tmp_path, monkeypatch, network):
    folder, address = network
    with zipfile.ZipFile(folder / "wikitext-2-v1.zip", "w") as archive:
        for path in (WIKITEXT2_FILES / "wikitext-2").iterdir():
            archive.write(path, f"wikitext-2/{path.name}")
    monkeypatch.setattr(wikitext2_dataset_builder, "URL", f"{address}/wikitext-2-v1.zip")
    record(monkeypatch, wikitext2_dataset_builder.Builder, folder, address)
    corpus = load_corpus("wikitext2", download=True, tfds_dir=tmp_path / "tfds")
    assert corpus.fingerprint() == load_corpus("wikitext2", WIKITEXT2_FILES / "wikitext-2").fingerprint()


def test_a_wrong_file_on_the_network_is_refused(tmp_path, monkeypatch, network):
    folder, address = network
    for part in ("train", "valid", "test"):
        (folder / f"ptb.{part}.txt").write_text("something published\n")
    urls = {part: f"{address}/ptb.{part}.txt" for part in ("train", "valid", "test")}
    monkeypatch.setattr(ptb_dataset_builder, "URLS", urls)
    record(monkeypatch, ptb_dataset_builder.Builder, folder, address)
    (folder / "ptb.test.txt").write_text("something else\n")
    with pytest.raises(InputError, match="ptb: the download .* failed .*--data_dir") as error:
        load_corpus("ptb", download=True, tfds_dir=tmp_path / "tfds")
    assert "\n" not in str(error.value)
    assert prepared.find("ptb", tmp_path / "tfds") is None


def test_no_network(tmp_path, monkeypatch, network):
    _, address = network  # serves nothing: 404
    monkeypatch.setattr(wikitext2_dataset_builder, "URL", f"{address}/wikitext-2-v1.zip")
    with pytest.raises(InputError, match="wikitext2: the download .* failed .*404.*--data_dir"):
        load_corpus("wikitext2", download=True, tfds_dir=tmp_path / "tfds")


def test_another_data_set_of_that_name_is_refused(tmp_path):
    class Ptb(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("3.0.0")
        pkg_dir_path = PTB_FILES.parent

        def _info(self):
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict({"n": tfds.features.Scalar(np.int32)})
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield 0, {"n": 0}

    Ptb.name = "ptb"
    Ptb(data_dir=tmp_path).download_and_prepare()
    with pytest.raises(InputError, match="3.0.0: not prepared by nao_tf"):
        load_corpus("ptb", tfds_dir=tmp_path)
