"""Compares search strategies on language models: equal budgets, several seeds, a significance test.

Children are small and trained from scratch, or (`--shared`) scored by one child with shared weights. The best cell of
every search is then trained from scratch, for longer and from another seed, and tested: that figure is compared, since
the best score of a search is flattered by its own noise. One JSON line a strategy: the best validation perplexity so
far at each budget, the retrained test perplexity (mean and standard deviation over the seeds), and for every other
strategy the probability of so large a difference by chance (two-sided exact Mann-Whitney test on the seeds).

Everything is kept in --work_dir, and a comparison that was stopped goes on. A training that two strategies of one seed
ask for is done once: its score would be the same. Two processes may share the folder if their seeds differ; a last call
with all seeds reads what they left and compares.

With --rungs all strategies climb a ladder of trainings of these numbers of steps, and the budget is their cost, one
training on the last rung being 1. Random search on a ladder is ASHA.

    python benchmarks/language_quality.py --data_dir=FOLDER --strategies=nao,random,evolution --seeds=5 --work_dir=DIR
    python benchmarks/language_quality.py --data_dir=FOLDER --rungs=200,800 --budget=10 --seeds=5 --work_dir=DIR
"""

import argparse
import dataclasses
import itertools
import json
import math
import pathlib
import statistics
import sys
from collections.abc import Iterator, MutableMapping, Sequence

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from nao_tf import files  # noqa: E402
from nao_tf.architecture import Architecture, RecurrentSpace  # noqa: E402
from nao_tf.controller import PRESETS as CONTROLLERS  # noqa: E402
from nao_tf.data.text import load_corpus  # noqa: E402
from nao_tf.data.vocabulary import UNKNOWN  # noqa: E402
from nao_tf.errors import DivergedError  # noqa: E402
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights  # noqa: E402
from nao_tf.search.loop import Rounds, search  # noqa: E402
from nao_tf.search.outcome import Outcome  # noqa: E402
from nao_tf.search.pool import Pool  # noqa: E402
from nao_tf.search.rungs import rungs_of_steps  # noqa: E402
from nao_tf.search.strategies import STRATEGIES  # noqa: E402
from nao_tf.training.language_children import METRIC, LanguageChild, SharedLanguageChild
from nao_tf.training.language_settings import SCRATCH_TRAININGS, SHARED_TRAININGS, LanguageTraining  # noqa: E402
from nao_tf.training.text_likelihood import TextLikelihood  # noqa: E402

RETRAINED = 10_000  # added to a search's seed where its best cell is trained again


def frequent(corpus, words: int):
    """Training, validation and test tokens with the `words` most frequent words of the training part; the others are
    unknown."""
    order = np.argsort(-np.bincount(corpus.train, minlength=len(corpus.vocabulary)), kind="stable")  # [vocabulary]
    unknown = corpus.vocabulary.words.index(UNKNOWN)
    kept = [unknown, *order[order != unknown][: words - 1]]
    renamed = np.zeros(len(corpus.vocabulary), np.int32)  # 0 is the unknown word
    renamed[kept] = np.arange(len(kept))
    return [renamed[part] for part in (corpus.train, corpus.valid, corpus.test)], len(kept)


class Remembering(Evaluator):
    """Asks another evaluator for what is not remembered, and remembers it.

    Args:
        evaluator: that trains from scratch.
        outcomes: of architectures on rungs, 0 without a ladder; is added to.
    """

    def __init__(self, evaluator: FromScratch, outcomes: MutableMapping[tuple[Architecture, int], Outcome]):
        self.evaluator, self.outcomes, self.rungs = evaluator, outcomes, evaluator.rungs

    def evaluate(self, architectures, *, round, done=0, observer=None, rungs: Sequence[int] | None = None):
        """See `Evaluator`."""
        on_rungs = [0] * len(architectures) if rungs is None else rungs
        requested = list(zip(architectures, on_rungs, strict=True))[done:]
        missing = [request for request in requested if request not in self.outcomes]
        asked = {} if rungs is None else {"rungs": [rung for _, rung in missing]}
        new: Iterator[Outcome] = self.evaluator.evaluate(
            [architecture for architecture, _ in missing], round=round, observer=observer, **asked
        )
        for request in requested:
            if request not in self.outcomes:
                self.outcomes[request] = next(new)
            yield self.outcomes[request]

    def remember(self, pool: Pool) -> None:
        """Takes over what a pool holds."""
        for evaluation in pool.history:
            request = evaluation.candidate.architecture, evaluation.candidate.rung
            outcome = Outcome(evaluation.score, evaluation.parameters, evaluation.reason)
            self.outcomes.setdefault(request, outcome)


class Comparison:
    """The searches of all strategies and seeds, in a folder.

    Args:
        settings: the training that scores an architecture.
        final: the training of the best cells.
        parts: tokens of training, validation and test.
        words: how many words there are.
        given: what the command line says.
    """

    def __init__(self, settings: LanguageTraining, final: LanguageTraining, parts, words: int, given):
        self.space, self.given, self.work = RecurrentSpace(), given, pathlib.Path(given.work_dir)
        train, valid, test = parts
        self.settings, self.data = settings, {"train": train, "valid": valid, "vocabulary_size": words}
        self.child = None if given.shared else LanguageChild(settings, **self.data)
        self.final = LanguageChild(final, **self.data)
        model = self.final.training.model
        self.on_test = TextLikelihood(model, test, batch_size=final.evaluation_batch, window=final.window)
        self.steps = [int(steps) for steps in given.rungs.split(",")] if given.rungs else []
        self.rungs = rungs_of_steps(self.steps)
        self.outcomes: dict[int, dict[tuple[Architecture, int], Outcome]] = {}  # of each seed, whatever was trained
        self.work.mkdir(parents=True, exist_ok=True)

    def pool(self, name: str, seed: int) -> Pool:
        """The pool of one search, complete."""
        file = self.work / f"{name}_{seed}.jsonl"
        pool = Pool(file, self.space, metric=METRIC, higher_is_better=False, rungs=self.rungs)
        entry, given = STRATEGIES[name], self.given
        settings = {"controller": CONTROLLERS[given.controller]} if "controller" in entry.settings else {}
        rounds = Rounds(
            budget=given.budget,
            initial=given.initial or entry.initial,
            proposals=given.proposals or entry.proposals,
        )
        evaluator = self.evaluator(name, seed)
        search(entry.make(self.space, seed, **settings), evaluator, pool=pool, rounds=rounds)
        if isinstance(evaluator, Remembering):
            evaluator.remember(pool)
        return pool

    def evaluator(self, name: str, seed: int) -> Evaluator:
        """What scores the architectures of one search."""
        if self.given.shared:
            directory = self.work / "checkpoints" / f"{name}_{seed}"
            return SharedWeights(
                lambda: SharedLanguageChild(self.settings, **self.data), seed=seed, directory=directory
            )
        scratch = FromScratch(lambda: self.child, seed=seed, steps=self.steps)
        return Remembering(scratch, self.outcomes.setdefault(seed, {}))

    def retrained(self, name: str, seed: int, pool: Pool) -> float:
        """Test perplexity of the best cell of a search that can be trained, trained from scratch with another seed."""
        file = self.work / f"{name}_{seed}_retrained.json"
        if not file.exists():
            for evaluation in pool.ranked:
                architecture = evaluation.candidate.architecture
                try:
                    self.final.train(architecture, seed=RETRAINED + seed)
                    self.final.score(architecture)
                except DivergedError:
                    continue  # the next takes its place, as in a search
                tested = self.on_test.perplexity(architecture)
                files.write_text(file, json.dumps({"id": evaluation.id, "test_perplexity": tested}))
                break
            else:
                raise SystemExit(f"{name}, seed {seed}: none of the pool can be trained")
        return json.loads(file.read_text())["test_perplexity"]


def best_so_far(pool: Pool, budget: float) -> float:
    """The best score of the first evaluations, as many as the budget pays for; on a ladder on the highest rung there.

    Not a number where none of them has succeeded.
    """
    made = pool.history if pool.rungs else pool.evaluations  # with shared weights all members are scored again
    costs = itertools.accumulate(pool.cost_of(evaluation.candidate.rung) for evaluation in made)
    best: tuple[int, float] | None = None
    for evaluation, cost in zip(made, costs, strict=True):
        if evaluation.score is not None and cost <= budget + 1e-9:  # costs are decimal fractions
            place = evaluation.candidate.rung, -evaluation.score
            best = place if best is None else max(best, place)
    return math.nan if best is None else -best[1]


def spread(values: list[float]) -> dict:
    """Mean and standard deviation."""
    return {"mean": round(statistics.fmean(values), 3), "std": round(statistics.pstdev(values), 3)}


def main(arguments: list[str] | None = None) -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", help="default: the embedded sample")
    parser.add_argument("--work_dir", required=True)
    parser.add_argument("--strategies", default="nao,random,evolution")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--initial", type=int, help="architectures of the random start; default: each strategy's own")
    parser.add_argument("--proposals", type=int, help="architectures a round; default: each strategy's own")
    parser.add_argument("--controller", default="default", choices=CONTROLLERS)
    parser.add_argument("--shared", action="store_true", help="score by one child with shared weights")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=200, help="of a child; of a round with shared weights")
    parser.add_argument("--rungs", help="numbers of steps of a ladder, with commas")
    parser.add_argument("--final_steps", type=int, default=1327)
    given = parser.parse_args(arguments)
    from scipy.stats import mannwhitneyu

    parts, words = frequent(load_corpus("ptb", given.data_dir), given.words)
    trainings = SHARED_TRAININGS if given.shared else SCRATCH_TRAININGS
    settings = dataclasses.replace(trainings["cpu"], units=given.units, steps=given.steps)
    final = dataclasses.replace(settings, steps=given.final_steps, learning_rate=1e-2)
    comparison = Comparison(settings, final, parts, words, given)
    names = given.strategies.split(",")
    pools: dict[str, list[Pool]] = {name: [] for name in names}
    tested: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for name in names:
            pool = comparison.pool(name, seed)
            pools[name].append(pool)
            tested[name].append(comparison.retrained(name, seed, pool))
            print(
                f"{name}, seed {seed}: best {pool.ranked[0].score:.2f}, retrained {tested[name][-1]:.2f}",
                file=sys.stderr,
                flush=True,
            )
    for name in names:
        budgets = sorted({given.budget // 3, 2 * given.budget // 3, given.budget})
        chance = {
            other: round(float(mannwhitneyu(tested[name], tested[other], method="exact").pvalue), 4)
            for other in names
            if other != name
        }
        line = {
            "strategy": name,
            "seeds": given.seeds,
            "shared": given.shared,
            **({"rungs": comparison.steps} if comparison.steps else {}),
            "best": {budget: spread([best_so_far(pool, budget) for pool in pools[name]]) for budget in budgets},
            "failed": sum(evaluation.score is None for pool in pools[name] for evaluation in pool.evaluations),
            "test": {**spread(tested[name]), "of_seeds": [round(value, 2) for value in tested[name]]},
            "chance": chance,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
