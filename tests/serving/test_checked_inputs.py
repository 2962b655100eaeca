"""Wrong requests to every signature of every export, sent to the C++ session that servers use.

Each export gets a process of its own, which has to survive all of them: a request that is wrong is answered with an
error that names the input and says what is right, one that is right and odd with an answer.
"""

import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.residual_network import ResidualNetwork
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell
from nao_tf.controller import ControllerSettings, EncoderPredictorDecoder
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.serving.export_classifier import export_classifier
from nao_tf.serving.export_controller import export_ascent, export_controller
from nao_tf.serving.export_language import export_language_model

PROGRAM = pathlib.Path(__file__).with_name("cpp_session.py")
LOWEST, HIGHEST = np.iinfo(np.int32).min, np.iinfo(np.int32).max
V, W, K, SIZE = 9, 6, 3, 8
SPACE = RecurrentSpace()
T = SPACE.token_length
MEMBERS, STEPS, HIDDEN = 2, T // SPACE.tokens_per_encoder_step, 6
VOCABULARY = Vocabulary(("the", "cat", "<unk>", "sat", "<eos>", "on", "mat", "dog", "ran"))


def language(directory):
    model = LanguageModel(RecurrentCell(W), V, architecture=SPACE.published["NAO"])
    model.build()
    export_language_model(model, VOCABULARY, directory=directory)


def classifier(directory):
    model = Classifier(ResidualNetwork(2, 1), classes=K, image_shape=[SIZE, SIZE, 3])
    model.build()
    export_classifier(model, ("cat", "dog", "eel"), directory=directory)


def controller_model():
    sizes = {"embedding_width": 4, "hidden": HIDDEN, "predictor_layers": 1, "predictor_width": 8}
    return EncoderPredictorDecoder.for_space(SPACE, ControllerSettings(members=MEMBERS, **sizes), seed=1)


def controller(directory):
    export_controller(controller_model(), SPACE, directory=directory)


def improve(directory):
    export_ascent(controller_model(), SPACE, directory=directory)


class Server:
    """Sends requests to an export in a process of its own, all at once."""

    def __init__(self, export, directory):
        keras.utils.set_random_seed(1)
        export(directory)
        content = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
        self.signatures = content.meta_graphs[0].signature_def
        self.directory = directory

    def answers(self, requests):
        """Of (signature, inputs by name): for each the error, a string, or the first output, an array."""
        lines, dtypes = [], []
        for signature, inputs in requests:
            told = self.signatures[signature]
            output = told.outputs[sorted(told.outputs)[0]]
            places = [[*place(told.inputs[name].name), *encoded(values)] for name, values in inputs.items()]
            lines.append(json.dumps({"inputs": places, "output": place(output.name)}))
            dtypes.append(tf.dtypes.as_dtype(output.dtype))
        (library,) = pathlib.Path(tf.__file__).parent.glob("libtensorflow_cc.so.*")
        done = subprocess.run(
            [sys.executable, PROGRAM, library, self.directory], input="\n".join(lines), capture_output=True, text=True
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        ended = requests[len(answers)] if len(answers) < len(requests) else None
        assert done.returncode == 0 and ended is None, (ended, done.stderr[-2000:])
        return [answer.get("error") or decoded(answer, dtype) for answer, dtype in zip(answers, dtypes, strict=True)]


def place(tensor):
    operation, index = tensor.split(":")
    return [operation, int(index)]


def encoded(values):
    """The number of the dtype, the shape, and the values in hexadecimal."""
    values = np.asarray(values)
    if values.dtype.kind in "SO":
        texts = [bytes(value).hex() for value in values.astype(object).ravel()]
        return [tf.string.as_datatype_enum, list(values.shape), texts]
    return [tf.dtypes.as_dtype(values.dtype).as_datatype_enum, list(values.shape), values.tobytes().hex()]


def decoded(answer, dtype):
    if dtype == tf.string or 0 in answer["shape"]:
        return np.zeros(answer["shape"])
    return np.frombuffer(bytes.fromhex(answer["data"]), dtype.as_numpy_dtype).reshape(answer["shape"])


def ids(*shape, value=1):
    return np.full(shape, value, np.int32)


def floats(*shape, value=0.0):
    return np.full(shape, value, np.float32)


def texts(*shape, value=b"the cat"):
    values = np.empty(shape, object)
    values.fill(value)
    return values


def architectures(rows):
    return np.array([SPACE.sample(np.random.default_rng(row)).tokens for row in range(rows)], np.int32)


def changed(position, token):
    """Two architectures, of which the second has another token at a position."""
    tokens = architectures(2).copy()
    tokens[1, position] = token
    return tokens


def pictures(*shape):
    return texts(*shape, value=picture())


def picture(width=SIZE, height=SIZE):
    pixels = np.random.default_rng(0).integers(0, 256, [height, width, 3]).astype(np.uint8)
    return tf.io.encode_png(pixels).numpy()


def of_every_rank(right, make):
    """Inputs of ranks 0 to 5 without the right one, and of the right rank with each fixed size wrong in turn.

    `right` is the shape of the signature with None for what is free; `make` makes values of a shape.
    """
    full = [2 if size is None else size for size in right]
    for rank in range(6):
        if rank != len(right):
            yield make(*(full + [1] * 5)[:rank])
            yield make(*([1] * 5 + full)[len(full) + 5 - rank :])
    for axis, size in enumerate(right):
        if size is not None:
            for other in {0, 1, size - 1, size + 1, 2 * size} - {size}:
                yield make(*full[:axis], other, *full[axis + 1 :])
    if None not in right[1:]:
        yield make(*[0] * (len(right) + 1))


def wrong_shapes(signature, name, *, right, make, others=None):
    told = rf"{name} has the shape.*it takes \[{', '.join('any' if size is None else str(size) for size in right)}\]"
    for values in of_every_rank(right, make):
        yield signature, {name: values, **(others or {})}, told


def wrong_ids(signature, name, shape, *, words, lowest=0, others=None):
    for value in (lowest - 1, words, 10**6, LOWEST, HIGHEST):
        values = ids(*shape)
        values.ravel()[-1] = value
        index = " ".join(str(size - 1) for size in shape)
        told = rf"{name} has the value\] \[{value}\] \[at index\] \[{index}\].*it takes {lowest} to {words - 1}"
        yield signature, {name: values, **(others or {})}, told


def wrong_for_language():
    for signature in ("serving_default", "score_ids", "detokenize"):
        yield from wrong_shapes(signature, "tokens", right=[None, None], make=ids)
        yield from wrong_ids(signature, "tokens", [2, 5], words=V, lowest=-1)
        yield from wrong_ids(signature, "tokens", [1, 1], words=V, lowest=-1)
    for row in ([[1, -1, 2], [1, 2, 3]], [[1, 2, 3], [-1, 1, 2]], [[1, 2, 3, 4], [1, -1, -1, 2]]):
        yield "score_ids", {"tokens": np.array(row, np.int32)}, "tokens has the value.*after -1, which pads the end"
    for signature in ("score_text", "tokenize"):
        yield from wrong_shapes(signature, "text", right=[None], make=texts)
    yield from wrong_shapes("step", "token", right=[None], make=ids, others={"state": floats(2, W)})
    yield from wrong_shapes("step", "state", right=[None, W], make=floats, others={"token": ids(2)})
    yield from wrong_ids("step", "token", [2], words=V, others={"state": floats(2, W)})
    for value in (np.nan, np.inf, -np.inf, 3e38):
        yield "step", {"token": ids(2), "state": floats(2, W, value=value)}, "state has the value.*finite"
    for rows in (0, 1, 3):
        told = rf"state has\] \[{rows}\] \[rows; it takes as many as token has:\] \[2\]"
        yield "step", {"token": ids(2), "state": floats(rows, W)}, told
    yield "step", {"token": ids(0), "state": floats(1, W)}, "state has.*as many as token"


def wrong_for_classifier():
    def images(*shape):
        return np.full(shape, 7, np.uint8)

    for signature in ("serving_default", "classify"):
        yield from wrong_shapes(signature, "images", right=[None, SIZE, SIZE, 3], make=images)
        for shape in ([SIZE, SIZE, 3], [1, 1, 1, 3], [1, 0, 0, 3], [2, 3, SIZE, SIZE], [1, 1, SIZE, SIZE, 3], [], [3]):
            yield signature, {"images": images(*shape)}, rf"images has the shape\] \[{' '.join(map(str, shape))}\]"
    yield from wrong_shapes("names", "classes", right=[None], make=ids)
    yield from wrong_ids("names", "classes", [2], words=K)
    yield from wrong_shapes("classify_bytes", "image_bytes", right=[None], make=pictures)
    for content in (b"", b"\x89", b"a text", b"\x00" * 100, b"RIFF....WEBPVP8 ", b"\xff\xd8", picture()[1:]):
        told = r"image_bytes has no picture in row\] \[1\] \[; it takes the bytes of JPEG, PNG"
        yield "classify_bytes", {"image_bytes": np.array([picture(), content, picture()], object)}, told
    for content in (picture()[:60], picture()[:9], b"\xff\xd8\xff\xe0 no picture", b"GIF89a", b"BM"):
        yield "classify_bytes", {"image_bytes": np.array([content], object)}, "(?i)png|jpeg|gif|bmp"


def wrong_tokens(signature, others=None):
    yield from wrong_shapes(signature, "tokens", right=[None, T], make=ids, others=others)
    yield from wrong_ids(signature, "tokens", [2, T], words=SPACE.vocabulary_size, lowest=1, others=others)
    # Predecessors are 1 to 11, that of node n at most n, at positions 0, 2, …; activations are 12 to 15
    for position, token in ((0, 12), (0, 2), (1, 1), (2, 9), (T - 2, 15), (T - 1, 11)):
        told = (
            rf"tokens has the value\] \[{token}\] \[at index\] \[1 {position}\].*no architecture.*allowed there are\]"
        )
        yield signature, {"tokens": changed(position, token), **(others or {})}, told


def wrong_for_controller():
    for signature in ("serving_default", "predict", "encode"):
        yield from wrong_tokens(signature)
    states = [None, MEMBERS, STEPS, HIDDEN]
    yield from wrong_shapes("decode", "states", right=states, make=floats)
    for value in (np.nan, np.inf, -np.inf, 3e38):
        values = floats(2, *states[1:])
        values[1, 0, 0, 2] = value
        yield "decode", {"states": values}, r"states has the value.*at index\] \[1 0 0 2\].*finite"


def wrong_for_improve():
    for signature in ("serving_default", "improve"):
        yield from wrong_tokens(signature, {"step_size": floats(2, value=1)})
        others = {"tokens": architectures(2)}
        yield from wrong_shapes(signature, "step_size", right=[None], make=floats, others=others)
        for value in (np.nan, np.inf, -np.inf, 3e38):
            sizes = np.array([1, value], np.float32)
            yield signature, {"step_size": sizes, **others}, r"step_size has the value.*at index\] \[1\].*finite"
        for rows in (0, 3):
            told = rf"step_size has\] \[{rows}\] \[rows; it takes 1, or as many as tokens has:\] \[2\]"
            yield signature, {"step_size": floats(rows), **others}, told


WRONG = {
    language: wrong_for_language,
    classifier: wrong_for_classifier,
    controller: wrong_for_controller,
    improve: wrong_for_improve,
}

# signature, inputs, shape of the output that comes first in the alphabet
ANSWERED = {
    language: [
        ("score_ids", {"tokens": ids(2, 5)}, [2, 4]),
        ("score_ids", {"tokens": ids(0, 5)}, [0, 4]),
        ("score_ids", {"tokens": ids(2, 0)}, [2, 0]),
        ("score_ids", {"tokens": ids(0, 0)}, [0, 0]),
        ("score_ids", {"tokens": ids(2, 1)}, [2, 0]),
        ("score_ids", {"tokens": ids(2, 3, value=-1)}, [2, 2]),  # texts without a token
        ("score_ids", {"tokens": np.array([[8, 0, -1, -1], [8, 8, 8, 8]], np.int32)}, [2, 3]),
        ("score_text", {"text": texts(2)}, [2, 2]),
        ("score_text", {"text": texts(0)}, [0, 0]),
        ("score_text", {"text": texts(2, value=b"")}, [2, 0]),
        ("score_text", {"text": texts(1, value=b"\xff\xfe\x00 the")}, [1, 2]),
        ("tokenize", {"text": texts(0)}, [0, 0]),
        ("tokenize", {"text": texts(3, value=b"")}, [3, 0]),
        ("step", {"token": ids(2, value=V - 1), "state": floats(2, W)}, [2, V]),
        ("step", {"token": ids(0), "state": floats(0, W)}, [0, V]),
        ("detokenize", {"tokens": ids(2, 3, value=-1)}, [2, 3]),
        ("detokenize", {"tokens": ids(0, 0)}, [0, 0]),
    ],
    classifier: [
        ("classify", {"images": np.zeros([2, SIZE, SIZE, 3], np.uint8)}, [2]),
        ("classify", {"images": np.zeros([0, SIZE, SIZE, 3], np.uint8)}, [0]),
        ("classify_bytes", {"image_bytes": texts(2, value=picture())}, [2]),
        ("classify_bytes", {"image_bytes": texts(2, value=picture(1, 30))}, [2]),
        ("classify_bytes", {"image_bytes": texts(0)}, [0]),
        ("names", {"classes": ids(2, value=K - 1)}, [2]),
        ("names", {"classes": ids(0)}, [0]),
    ],
    controller: [
        ("predict", {"tokens": architectures(2)}, [2]),
        ("predict", {"tokens": ids(0, T)}, [0]),
        ("encode", {"tokens": ids(0, T)}, [0, MEMBERS, HIDDEN]),
        ("decode", {"states": floats(2, MEMBERS, STEPS, HIDDEN)}, [2, MEMBERS, T]),
        ("decode", {"states": floats(0, MEMBERS, STEPS, HIDDEN)}, [0, MEMBERS, T]),
    ],
    improve: [
        ("improve", {"tokens": architectures(2), "step_size": floats(1, value=5)}, [2, MEMBERS]),
        ("improve", {"tokens": ids(0, T), "step_size": floats(0)}, [0, MEMBERS]),
        ("improve", {"tokens": ids(0, T), "step_size": floats(1)}, [0, MEMBERS]),
    ],
}


@pytest.mark.parametrize("export", WRONG, ids=lambda export: export.__name__)
def test_every_request_is_answered(export, tmp_path):
    server, wrong, right = Server(export, tmp_path / "1"), list(WRONG[export]()), ANSWERED[export]
    signature, inputs, _ = right[0]
    broken = [  # what the session itself refuses
        (signature, {name: values.astype(np.float64) for name, values in inputs.items()}),
        (signature, {}),
    ]
    answers = server.answers([each[:2] for each in [*wrong, *right]] + broken)
    for (signature, inputs, told), answer in zip(wrong, answers, strict=False):
        shown = (signature, {name: np.asarray(values).tolist() for name, values in inputs.items()}, answer)
        assert isinstance(answer, str), f"answered: {shown}"
        assert re.search(told, answer), shown
    for (signature, inputs, shape), answer in zip(right, answers[len(wrong) :], strict=False):
        assert not isinstance(answer, str), (signature, inputs, answer)
        assert list(answer.shape) == shape, (signature, inputs)
    assert all(isinstance(answer, str) for answer in answers[-len(broken) :])
    asked = {signature for signature, *_ in wrong}
    assert asked == {name for name in server.signatures if not name.startswith("_")}  # no signature without a test
