"""Times requests to exports whose weights are stored as float32, float16 and int8: a classifier and a language model.

Prints one JSON line for each model and size of request: the median milliseconds of a request and the bytes of the
export's files, by format. Each SavedModel answers in a session of TensorFlow's C++ runtime, as in a model server
(`nao_tf.serving.latency`), and the formats take turns request by request within one process, so that what else the
machine does falls on all of them. Weights are untrained: the time of a request does not depend on their values.

    python benchmarks/serving.py --requests=300 --threads=1
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WARM_UP = 5  # requests to each that are not counted
CELLS = {"classifier": "NAONet", "language model": "NAO-WS"}
ROWS = {"classifier": (1, 64), "language model": (1, 20)}  # images, or texts, of a request
TOKENS = 35  # of a text


def export_classifiers(folder, arguments):
    """Exports of the published cells around 32 x 32 pixels: folder by format, and what a request of some rows gives."""
    import numpy as np

    from nao_tf.architecture import ConvolutionalSpace
    from nao_tf.child.images.cell import cells_of
    from nao_tf.child.images.cell_network import CellNetwork
    from nao_tf.child.images.classifier import Classifier
    from nao_tf.serving.export_classifier import export_classifier
    from nao_tf.serving.stored_weights import FORMATS

    space = ConvolutionalSpace("nao")
    cells = cells_of(space.architecture(space.published[CELLS["classifier"]]))
    network = CellNetwork(cells, arguments.filters, layers=arguments.layers)
    model = Classifier(network, classes=10, image_shape=(32, 32, 3))
    model.build()
    for name in FORMATS:
        export_classifier(model, [str(number) for number in range(10)], directory=folder / name, weights=name)
    images = np.random.default_rng(0).integers(0, 256, [max(ROWS["classifier"]), 32, 32, 3]).astype(np.uint8)
    return model.count_params(), lambda rows: {"images": images[:rows]}


def export_language_models(folder, arguments):
    """Exports of a published cell, see `export_classifiers`."""
    import numpy as np

    from nao_tf.architecture import RecurrentSpace
    from nao_tf.child.language.language_model import LanguageModel
    from nao_tf.child.language.recurrent_cell import RecurrentCell
    from nao_tf.data.vocabulary import Vocabulary
    from nao_tf.serving.export_language import export_language_model
    from nao_tf.serving.stored_weights import FORMATS

    cell = RecurrentSpace().published[CELLS["language model"]]
    model = LanguageModel(RecurrentCell(arguments.units), arguments.words, architecture=cell)
    model.build()
    words = Vocabulary(("<eos>", "<unk>", *(f"w{number}" for number in range(arguments.words - 2))))
    for name in FORMATS:
        export_language_model(model, words, directory=folder / name, weights=name)
    tokens = np.random.default_rng(0).integers(0, arguments.words, [max(ROWS["language model"]), TOKENS])
    return model.count_params(), lambda rows: {"tokens": tokens[:rows].astype(np.int32)}


def time_in_turn(requests, count):
    """Median milliseconds of a request to each; they take turns."""
    seconds = {name: [] for name in requests}
    for number in range(WARM_UP + count):
        for name, request in requests.items():
            start = time.perf_counter()
            request()
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return {name: round(1e3 * statistics.median(times), 3) for name, times in seconds.items()}


def main():
    """Reads the arguments, exports, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"requests": 300, "threads": 1, "filters": 16, "layers": 3, "units": 128, "words": 10_000}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    for name in ("INTRA", "INTER"):  # before TensorFlow is loaded: a session takes the threads of its process
        os.environ[f"TF_NUM_{name}OP_THREADS"] = str(arguments.threads)
    from nao_tf.serving import latency

    for kind, export in (("classifier", export_classifiers), ("language model", export_language_models)):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            parameters, inputs = export(folder, arguments)
            exports = sorted(folder.iterdir(), key=lambda path: ("float32", "float16", "int8").index(path.name))
            sizes = {
                path.name: sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in exports
            }
            for rows in ROWS[kind]:
                with contextlib.ExitStack() as stack:
                    requests = {
                        path.name: stack.enter_context(latency.requests(path, inputs(rows), threads=arguments.threads))
                        for path in exports
                    }
                    times = time_in_turn(
                        requests, arguments.requests if rows == 1 else max(20, arguments.requests // 5)
                    )
                line = {"model": kind, "cell": CELLS[kind], "parameters": parameters, "rows": rows}
                line |= {"milliseconds": times, "bytes": sizes, "threads": arguments.threads}
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
