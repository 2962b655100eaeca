"""Encoded pictures sent to an exported classifier: the answers are those for the pixels that the loader reads."""

import base64
import io
import json
import pathlib
import re
import textwrap
import urllib.request

import keras
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.data.images import load_images
from nao_tf.data.picture import read_picture
from nao_tf.serving import decoded_images
from nao_tf.serving.export_classifier import export_classifier

SIZE, NAMES = 8, ("cat", "dog", "eel")
SERVING = (pathlib.Path(__file__).parents[2] / "docs" / "serving.md").read_text()
# Width and height: of the model, larger by a whole and by a broken factor, smaller, of other aspects
SIZES = [(8, 8), (16, 16), (19, 23), (5, 3), (40, 8), (1, 1)]
ENCODERS = {
    "png": lambda pixels: tf.io.encode_png(pixels),
    "png16": lambda pixels: tf.io.encode_png(pixels.astype(np.uint16) * 257),
    "grey": lambda pixels: tf.io.encode_png(pixels[..., :1]),
    "jpg": lambda pixels: tf.io.encode_jpeg(pixels, quality=90),
}


def smooth(width, height, seed=0):
    """A picture like a photograph."""
    y, x = np.mgrid[:height, :width]
    waves = np.random.default_rng(seed).uniform(0.05, 0.3, [2, 3])
    return (127 * (1 + np.sin(waves[0] * x[..., None] + waves[1] * y[..., None] + seed))).astype(np.uint8)


def exported(folder, channels=3):
    keras.utils.set_random_seed(1)
    model = Classifier(ResidualNetwork(2, 1), classes=3, image_shape=[SIZE, SIZE, channels])
    model.build()
    export_classifier(model, NAMES, directory=folder)
    return tf.saved_model.load(folder).signatures


@pytest.fixture(scope="module")
def signatures(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("export") / "1")


@pytest.mark.parametrize("kind", ENCODERS)
def test_bytes_are_read_as_the_loader_reads_files(kind, signatures, tmp_path):
    suffix, seen = {"jpg": "jpg"}.get(kind, "png"), {}
    for name in NAMES:
        (tmp_path / name).mkdir()
    for number, (width, height) in enumerate(SIZES * 3):
        content = ENCODERS[kind](smooth(width, height, number)).numpy()
        path = tmp_path / NAMES[number // len(SIZES)] / f"{number}.{suffix}"
        path.write_bytes(content)
        seen[number] = content
    data = load_images("images", tmp_path, image_size=SIZE)
    loaded = np.concatenate([data.train.images, data.valid.images, data.test.images])  # in another order
    read = decoded_images.decode(tf.constant(list(seen.values())), "image_bytes", image_shape=[SIZE, SIZE, 3]).numpy()
    for image in read:
        differences = np.abs(loaded.astype(int) - image).max((1, 2, 3))
        assert differences.min() == 0
    by_bytes = signatures["classify_bytes"](image_bytes=tf.constant(list(seen.values())))
    by_pixels = signatures["classify"](images=tf.constant(read))
    for name, values in by_pixels.items():
        np.testing.assert_array_equal(by_bytes[name], values)


def test_a_picture_of_the_right_size_is_its_pixels(signatures):
    pixels = np.random.default_rng(0).integers(0, 256, [3, SIZE, SIZE, 3]).astype(np.uint8)
    files = [tf.io.encode_png(image).numpy() for image in pixels]
    by_bytes = signatures["classify_bytes"](image_bytes=tf.constant(files))
    for name, values in signatures["classify"](images=tf.constant(pixels)).items():
        np.testing.assert_array_equal(by_bytes[name], values)


def test_models_of_other_channels(tmp_path):
    grey = exported(tmp_path / "grey", channels=1)
    pixels = smooth(SIZE, SIZE)[np.newaxis, ..., :1]
    by_bytes = grey["classify_bytes"](image_bytes=tf.constant([tf.io.encode_png(pixels[0]).numpy()]))
    expected = grey["classify"](images=tf.constant(pixels))
    np.testing.assert_array_equal(by_bytes["probabilities"], expected["probabilities"])
    assert set(exported(tmp_path / "two", channels=2)) == {"serving_default", "classify", "names"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["little", "big"])
def test_turned_jpeg_files_are_turned_back(orientation, order):
    exif = PIL.Image.Exif()
    exif.endian = {"little": "<", "big": ">"}[order]
    exif[0x010F], exif[0x0112], exif[0x0131] = "camera", orientation, "program"
    file = io.BytesIO()
    PIL.Image.fromarray(smooth(24, 16)).save(file, "JPEG", quality=95, exif=exif)
    expected = read_picture(pathlib.Path("turned.jpg"), file.getvalue())  # turned by Pillow
    height, width, _ = expected.shape
    contents = tf.constant([file.getvalue()])
    (read,) = decoded_images.decode(contents, "image_bytes", image_shape=[height, width, 3]).numpy()
    np.testing.assert_array_equal(read, expected)
    by_pillow = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(file)))
    assert np.abs(by_pillow.astype(int) - read).max() <= 12  # another transform of JPEG's, the same way up


@pytest.mark.parametrize("damage", ["cut", "offset", "count", "orientation 9", "none"])
def test_a_damaged_orientation_leaves_the_picture_as_it_is(damage):
    fields = {"offset": 8, "count": 1, "orientation": 6, "cut": None}
    fields |= {"offset": {"offset": 0xFFFFFFF0}, "count": {"count": 0xFFFF, "orientation": 0}}.get(damage, {})
    if damage == "orientation 9":
        fields["orientation"] = 9
    entry = (0x0112).to_bytes(2, "big") + b"\0\3\0\0\0\1" + fields["orientation"].to_bytes(2, "big") + b"\0\0"
    tiff = b"MM\0*" + fields["offset"].to_bytes(4, "big") + fields["count"].to_bytes(2, "big") + entry
    payload = b"Exif\0\0" + (tiff[:9] if damage == "cut" else tiff)
    segment = b"" if damage == "none" else b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    plain = tf.io.encode_jpeg(smooth(24, 16), quality=95).numpy()
    contents = tf.constant([plain, plain[:2] + segment + plain[2:]])
    first, second = decoded_images.decode(contents, "image_bytes", image_shape=[16, 24, 3]).numpy()
    np.testing.assert_array_equal(first, second)


def test_the_rest_example_of_the_manual_runs(signatures, tmp_path, monkeypatch, capsys):
    block = re.search(r"^    import base64\n(?:(?:    .*)?\n)+", SERVING, re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.jpg").write_bytes(ENCODERS["jpg"](smooth(20, 10)).numpy())
    (tmp_path / "dog.png").write_bytes(ENCODERS["png"](smooth(9, 9)).numpy())

    def urlopen(address, body):
        assert address == "http://localhost:8501/v1/models/child:predict"
        request = json.loads(body)
        files = [base64.b64decode(each["b64"]) for each in request["inputs"]["image_bytes"]]
        labels = signatures[request["signature_name"]](image_bytes=tf.constant(files))["labels"].numpy()
        return io.StringIO(json.dumps({"outputs": {"labels": [label.decode() for label in labels]}}))

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    exec(compile(textwrap.dedent(block), "docs/serving.md", "exec"), {})  # the page is this repository's own
    assert re.match(r"\{'cat.jpg': '(cat|dog|eel)', 'dog.png': '(cat|dog|eel)'\}", capsys.readouterr().out)
