"""Does the score of the search rank architectures as training them longer does?

Scores random cells as the preset's search does, then trains each from scratch for an epoch (or `--truth_steps`) with
two other seeds and a schedule of its own, and prints Kendall's tau between the score and each truth, beside the tau
between the two truths: the most that any score can reach. A JSON line a cell goes to --log, and a run goes on from it.

    python benchmarks/ranking.py --data_dir=FOLDER --cells=16 --log=ranking.jsonl
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from nao_tf.architecture import RecurrentSpace  # noqa: E402
from nao_tf.controller.quality import kendall_tau  # noqa: E402
from nao_tf.data.text import load_corpus  # noqa: E402
from nao_tf.training.language import ChildTrainer, SharedChildTrainer  # noqa: E402
from nao_tf.training.settings import PRESETS  # noqa: E402

TRUTH = {"learning_rate": 1e-2, "warmup": 0}  # stays what it is when the preset's score changes


def main():
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir")
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--seed", type=int, default=11, help="which cells, and the seeds of the truths")
    parser.add_argument("--search_seed", type=int, default=1)
    parser.add_argument("--steps", type=int, help="of the score; default: the preset's")
    parser.add_argument("--learning_rate", type=float, help="of the score; default: the preset's")
    parser.add_argument("--warmup", type=int, help="of the score; default: the preset's")
    parser.add_argument("--truth_steps", type=int, help="default: one epoch")
    parser.add_argument("--shared_steps", type=int, default=0, help="score by one shared child too")
    parser.add_argument("--log", default="ranking.jsonl")
    arguments = parser.parse_args()
    corpus, space = load_corpus("ptb", arguments.data_dir), RecurrentSpace()
    generator, cells = np.random.default_rng(arguments.seed), []
    while len(cells) < arguments.cells:
        cell = space.sample(generator)
        if cell not in cells:
            cells.append(cell)

    settings = PRESETS["cpu"].scratch
    data = (corpus.train, corpus.valid, len(corpus.vocabulary))
    changes = {name: getattr(arguments, name) for name in ("steps", "learning_rate", "warmup")}
    changes = {name: value for name, value in changes.items() if value is not None}
    score_settings = dataclasses.replace(settings, **changes)
    scorer = ChildTrainer(score_settings, *data)
    truth_steps = arguments.truth_steps or scorer.windows
    judge = ChildTrainer(dataclasses.replace(settings, steps=truth_steps, **TRUTH), *data)
    score = (
        f"score_{score_settings.steps}_{score_settings.learning_rate}_{score_settings.warmup}_{arguments.search_seed}"
    )
    columns = {
        score: (scorer, arguments.search_seed),
        f"truth_{truth_steps}_a": (judge, arguments.seed + 1000),
        f"truth_{truth_steps}_b": (judge, arguments.seed + 2000),
    }

    log = pathlib.Path(arguments.log)
    known = {}
    if log.exists():
        for line in log.read_text().splitlines():
            row = json.loads(line)
            known[row["column"], row["cell"]] = row["valid"]
    table, seconds = {}, {}
    for column, (trainer, seed) in columns.items():
        for cell in cells:
            if (column, str(cell)) not in known:
                start = time.perf_counter()
                trainer.train(cell.values, seed)
                valid = trainer.evaluate(cell.values)
                seconds.setdefault(column, []).append(time.perf_counter() - start)
                known[column, str(cell)] = valid
                with open(log, "a") as file:
                    file.write(json.dumps({"column": column, "cell": str(cell), "valid": valid}) + "\n")
            table.setdefault(column, []).append(known[column, str(cell)])
    if arguments.shared_steps:
        shared = SharedChildTrainer(PRESETS["cpu"].shared, *data, seed=arguments.search_seed)
        shared.train([cell.values for cell in cells], arguments.shared_steps)
        table[f"shared_{arguments.shared_steps}"] = [shared.evaluate(cell.values) for cell in cells]

    print(f"corpus {corpus.name}, {len(cells)} random cells, validation negative log likelihood in nats a token")
    for column, values in table.items():
        spent = f", {np.median(seconds[column]):.1f} s a cell" if column in seconds else ""
        print(f"{column}: mean {np.mean(values):.4f}, spread {np.std(values):.4f}{spent}")
    names = list(table)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            print(f"kendall_tau {one} ~ {other}: {kendall_tau(np.array(table[one]), np.array(table[other])):.3f}")


if __name__ == "__main__":
    main()
