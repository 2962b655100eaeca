"""Size, speed and perplexity of an exported language model with its weights stored in each of the formats.

Reads a checkpoint of `nao_train` or `nao_search` (`WORK_DIR/checkpoints/final….npz`) and writes only to a temporary
folder. The times of the formats are taken in turn, so that other load on the machine slows all of them alike; next to
the wall time is the CPU time, which other programs hardly change. The perplexity is that of the test text in several
rows, each from a zero state: comparable between formats, and a little more than that of one row (`nao_eval`).

    python benchmarks/export_weights.py --checkpoint=FILE.npz --architecture="0 1 0 1 …" --data_dir=FOLDER
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time of a call, in milliseconds."""
    wall, processors = time.perf_counter(), time.process_time()
    call()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processors)


def main() -> None:
    """Reads the arguments, exports, measures and prints a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="file of a final model")
    parser.add_argument("--architecture", required=True, help="integers, readable form or a published name")
    parser.add_argument("--data_dir", required=True, help="folder of the corpus that the model was trained on")
    parser.add_argument("--task", default="ptb", help="ptb, wikitext2 or text")
    parser.add_argument("--rows", type=int, default=20, help="rows that the text is cut into")
    parser.add_argument("--time_steps", type=int, default=350, help="length of the rows in the timed requests")
    parser.add_argument("--repeats", type=int, default=9, help="measurements of each time")
    arguments = parser.parse_args()

    import keras
    import numpy as np
    import tensorflow as tf

    from nao_tf.architecture import RecurrentSpace
    from nao_tf.child.language.language_model import LanguageModel
    from nao_tf.child.language.recurrent_cell import RecurrentCell
    from nao_tf.data.streams import streams
    from nao_tf.data.text import load_corpus
    from nao_tf.serving.export_language import export_language_model
    from nao_tf.serving.stored_weights import FORMATS
    from nao_tf.training import checkpoint

    keras.utils.set_random_seed(1)
    corpus = load_corpus(arguments.task, arguments.data_dir)
    saved = checkpoint.load(arguments.checkpoint)
    if saved is None:
        parser.error(f"--checkpoint: {arguments.checkpoint} is not there")
    # the final training of `nao_train` keeps its best weights besides the last, and means of iterates besides both
    prefix = next(prefix for prefix in ("best/mean", "best/model", "model") if f"{prefix}/0" in saved)
    words, units = saved[f"{prefix}/0"].shape  # the embedding is a model's first variable
    model = LanguageModel(
        RecurrentCell(units), words, architecture=RecurrentSpace().parse(arguments.architecture).values
    )
    model.build()
    checkpoint.assign(prefix, model.variables, arrays=saved)

    text = streams(corpus.test, arguments.rows).T  # [rows, T]
    rows = tf.constant(text[:, : arguments.time_steps])
    token, zero = tf.constant(corpus.test[:1]), tf.zeros([1, units])
    with tempfile.TemporaryDirectory() as folder:
        calls, sizes, perplexities = {}, {}, {}
        for name in FORMATS:
            directory = pathlib.Path(folder) / name / "1"
            export_language_model(model, corpus.vocabulary, directory=directory, weights=name)
            sizes[name] = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
            run = tf.saved_model.load(directory).signatures
            likelihoods = run["score_ids"](tokens=tf.constant(text))["log_probabilities"].numpy()
            perplexities[name] = float(np.exp(-likelihoods.astype(np.float64).mean()))
            print(f"{name:8s} bytes={sizes[name]} perplexity={perplexities[name]:.3f}", flush=True)
            calls[name] = {
                "score": lambda run=run: run["score_ids"](tokens=rows)["perplexity"].numpy(),
                "step": lambda run=run: run["step"](token=token, state=zero)["state"].numpy(),
            }
        times = {(name, kind): [] for name in FORMATS for kind in ("score", "step")}
        for name, kind in times:
            calls[name][kind]()  # the first call is slower
        for _ in range(arguments.repeats):
            for name, kind in times:
                times[name, kind].append(milliseconds(calls[name][kind]))
    print(
        f"units={units} vocabulary={words} tokens of the test text={text.size}, scored for their time={tf.size(rows)}"
    )
    for (name, kind), measured in times.items():
        wall, processors = map(statistics.median, zip(*measured, strict=True))
        print(f"{kind} {name:8s} median_ms={wall:.2f} processors_ms={processors:.2f} n={len(measured)}", flush=True)


if __name__ == "__main__":
    main()
