"""Size, speed and perplexity of an exported language model with its weights stored in each of the formats.

Reads a checkpoint that `nao_train` or `nao_search` left (`WORK_DIR/checkpoints/final….npz`) and writes nothing beside a
temporary folder. The times of the formats are taken in turn, so that whatever else the machine does meets all of them;
beside the wall time stands the processors' own, which other programs hardly change. The perplexity is that of the test
text in some rows, each from a zero state: alike for all formats, and a little more than that of one row (`nao_eval`).

    python benchmarks/export_weights.py --checkpoint=FILE.npz --architecture="0 1 0 1 …" --data_dir=FOLDER
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def milliseconds(call):
    """Wall time of a call, and the time of all processors in it."""
    wall, processors = time.perf_counter(), time.process_time()
    call()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processors)


def main():
    """Reads the arguments, exports, measures and prints a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="of a final model")
    parser.add_argument("--architecture", required=True, help="integers, readable form or a published name")
    parser.add_argument("--data_dir", required=True, help="folder of the corpus that the model was trained on")
    parser.add_argument("--task", default="ptb", help="which corpus it is")
    parser.add_argument("--rows", type=int, default=20, help="that the text is cut into")
    parser.add_argument("--time_steps", type=int, default=350, help="of the rows that are scored for their time")
    parser.add_argument("--repeats", type=int, default=9, help="how often each time is taken")
    arguments = parser.parse_args()

    import keras
    import numpy as np
    import tensorflow as tf

    from nao_tf.architecture import RecurrentSpace
    from nao_tf.child.language.language_model import LanguageModel
    from nao_tf.child.language.recurrent_cell import RecurrentCell
    from nao_tf.data.streams import streams
    from nao_tf.data.text import load_corpus
    from nao_tf.serving.export import export_child
    from nao_tf.serving.stored_weights import FORMATS
    from nao_tf.training import checkpoint

    keras.utils.set_random_seed(1)
    corpus = load_corpus(arguments.task, arguments.data_dir)
    saved = checkpoint.load(arguments.checkpoint)
    if saved is None:
        parser.error(f"--checkpoint: {arguments.checkpoint} is not there")
    # the final training of `nao_train` keeps its best weights beside the last, and means of iterates beside both
    of = next(prefix for prefix in ("best/mean", "best/model", "model") if f"{prefix}/0" in saved)
    words, units = saved[f"{of}/0"].shape  # of the embedding, the first that a model makes
    values = RecurrentSpace().parse(arguments.architecture).values
    model = LanguageModel(RecurrentCell(units), words, values)
    model.build()
    checkpoint.assign(of, model.variables, saved)

    text = streams(corpus.test, arguments.rows).T  # [rows, T]
    rows = tf.constant(text[:, : arguments.time_steps])
    token, zero = tf.constant(corpus.test[:1]), tf.zeros([1, units])
    with tempfile.TemporaryDirectory() as folder:
        calls, sizes, perplexities = {}, {}, {}
        for name in FORMATS:
            directory = pathlib.Path(folder) / name / "1"
            export_child(model, corpus.vocabulary, directory, name)
            sizes[name] = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
            run = tf.saved_model.load(directory).signatures
            found = run["score_ids"](tokens=tf.constant(text))["log_probabilities"].numpy()
            perplexities[name] = float(np.exp(-found.astype(np.float64).mean()))
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
    for (name, kind), taken in times.items():
        wall, processors = map(statistics.median, zip(*taken, strict=True))
        print(f"{kind} {name:8s} median_ms={wall:.2f} processors_ms={processors:.2f} n={len(taken)}", flush=True)


if __name__ == "__main__":
    main()
