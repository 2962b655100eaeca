"""The stages of a search for a language model: search, retrain the best, test, compare, export, report."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time

import keras
import tensorflow as tf

from nao_tf import controller
from nao_tf.cli.final_language import FinalLanguageModels
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import seconds, spent, versions, write
from nao_tf.errors import RunError
from nao_tf.report.tensorboard import Board
from nao_tf.search.evaluators import METRIC, FromScratch, SharedWeights
from nao_tf.search.loop import search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.serving import stored_weights
from nao_tf.serving.export import export_controller, export_improve
from nao_tf.training.language import ChildTrainer, DivergedError, SharedChildTrainer, validation_perplexity

LAST_ROUND = 2**31 - 1  # names the controller that is fitted to the whole pool when the search is over


@dataclasses.dataclass(frozen=True)
class Retrained:
    """The best few of a pool, trained to the end.

    Attributes:
        winner: the best of them on validation.
        test: its figures, see `FinalLanguageModels.measure`.
        finalists: id, text and validation perplexity of each; of one whose training diverged None, and the reason.
        trainer: holds the winner's weights.
    """

    winner: Evaluation
    test: dict
    finalists: list[dict]
    trainer: ChildTrainer


class LanguageSearch:
    """One run of the program in its work directory.

    Args:
        task: the name of the task.
        preset: `training.settings.LanguagePreset`.
        space: the recurrent space.
        corpus: `data.text.Corpus`.
        work: the work directory.
        strategy: a name of `search.strategies.STRATEGIES`.
        seed: of everything random.
        terminal: what people read.
        devices: a `tf.distribute` strategy for the final models, or None.
        weights: how their export stores them, see `FinalLanguageModels`.
    """

    def __init__(
        self,
        task,
        preset,
        space,
        corpus,
        work,
        strategy,
        seed,
        terminal: Terminal,
        devices=None,
        weights=stored_weights.DEFAULT,
    ):
        self.task, self.preset, self.space, self.corpus, self.work = task, preset, space, corpus, pathlib.Path(work)
        self.strategy_name, self.seed, self.terminal = strategy, seed, terminal
        self.words = len(corpus.vocabulary)
        self.final = FinalLanguageModels(preset.final, corpus, self.work, seed + 1, terminal, devices, weights)
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)

    def run(self, baselines: list[str]) -> dict:
        """All stages; returns what result.json holds."""
        self.terminal.say(f"corpus {self.corpus.name} ({self.corpus.source}): {self.words:,} words")
        pool = self.search(self.strategy_name, "pool.jsonl")
        fitted = self.fit(pool) if self.strategy_name == "nao" and len(pool.ranked) > 1 else None
        found = self.retrain(pool, self.strategy_name)
        self.export(found, fitted)  # before the comparisons, which take as long again and may fail
        rivals = {}
        for name in sorted(baselines, key=lambda name: name != "lstm"):  # the shortest first
            if name == self.strategy_name:
                continue
            try:
                rivals[name] = self.lstm(found) if name == "lstm" else self.rival(name, pool)
            except RunError as error:
                rivals[name] = {"failed": str(error)}
        result = self.result(pool, found, rivals, fitted)
        write(self.work / "result.json", json.dumps(result, indent=1) + "\n")
        self.table(result)
        return result

    def rival(self, name, known) -> dict:
        """Another strategy with the same budget, its best retrained and tested in the same way."""
        pool = self.search(name, f"pool_{name}.jsonl", known)
        found = self.retrain(pool, name)
        return {"evaluations": len(pool), "finalists": found.finalists, **found.test}

    # ---- search

    def strategy(self, name, board=None):
        """The strategy of a name."""
        if name != "nao":
            return STRATEGIES[name].make(self.space, self.seed)

        def on_fit(round, fitted):
            quality = dataclasses.asdict(fitted.quality)
            if board:
                board.controller(round, fitted.losses, quality)
            of = "the whole pool" if round == LAST_ROUND else f"round {round}"
            self.terminal.say(f"controller of {of}, on architectures it has not seen: {readable(quality)}")

        return STRATEGIES[name].make(
            self.space,
            self.seed,
            settings=controller.PRESETS[self.preset.controller],
            on_fit=on_fit,
            **self.preset.ascent,
        )

    def evaluator(self, name, known):
        """What scores architectures: a shared child or one from scratch for each that is not in the pool `known`."""
        preset, corpus = self.preset, self.corpus
        if preset.weight_sharing:
            trainer = SharedChildTrainer(preset.shared, corpus.train, corpus.valid, self.words, self.seed)
            return SharedWeights(trainer, self.work / "checkpoints" / f"shared_{name}")
        return FromScratch(ChildTrainer(preset.scratch, corpus.train, corpus.valid, self.words), self.seed, known)

    def search(self, name, file, known=None) -> Pool:
        """Runs a strategy to the end of the budget; what is in the pool `known` costs nothing, but counts."""
        start, preset = time.monotonic(), self.preset
        pool = Pool(self.work / file, self.space, METRIC, higher_is_better=False)
        board = Board(self.work / "tensorboard" / f"search_{name}")
        if len(pool):
            self.terminal.say(f"{file}: {len(pool)} architectures are evaluated already")
        rate = Rate(preset.budget, len(pool))
        steps = preset.trainings[0].steps

        def on_evaluation(evaluation):
            rate.step(len(pool))
            best = pool.ranked[0].score if pool.ranked else None
            board.evaluation(evaluation.id, evaluation.score, best)
            score = f"failed: {evaluation.reason}" if evaluation.score is None else f"{evaluation.score:.2f}"
            self.terminal.say(
                f"{name}, architecture {evaluation.id} ({evaluation.candidate.origin}): validation perplexity {score}"
                + (f", best {best:.2f}" if best else "")
                + f"; {rate}"
            )

        def report(step, loss):
            board.child(len(pool), step, loss)
            self.terminal.status(f"training step {step}/{steps}, loss {loss:.3f}; {rate}")

        search(
            self.strategy(name, board),
            self.evaluator(name, known),
            pool,
            preset.budget,
            preset.initial,
            preset.proposals,
            on_evaluation,
            report=report,
        )
        board.close()
        spent(self.work, f"search_{name}", start)
        return pool

    def fit(self, pool) -> controller.FittedController:
        """The controller of the whole pool: it is exported, and its quality reported."""
        start = time.monotonic()
        fitted = self.strategy("nao").fit(pool, LAST_ROUND)
        spent(self.work, "controller", start)
        return fitted

    # ---- the final models

    def retrain(self, pool, name) -> Retrained:
        """Trains the best few from scratch, chooses by validation, tests once."""
        start, trainer, finalists = time.monotonic(), self.final.trainer(), []

        def train(evaluation):
            values = evaluation.candidate.architecture.values
            self.final.train(trainer, values, label_of(name, evaluation))
            return validation_perplexity(trainer, values)

        for evaluation in pool.ranked:
            if sum(row["validation_perplexity"] is not None for row in finalists) == self.preset.finalists:
                break
            row = {"id": evaluation.id, "text": evaluation.candidate.architecture.text}
            try:
                row["validation_perplexity"] = train(evaluation)
                said = f"validation perplexity {row['validation_perplexity']:.2f}"
            except DivergedError as error:  # the next of the pool takes its place
                row |= {"validation_perplexity": None, "reason": str(error)}
                said = f"failed: {error}"
            finalists.append(row)
            self.terminal.say(f"final model of architecture {evaluation.id}: {said}")
        trained = [row for row in finalists if row["validation_perplexity"] is not None]
        if not trained:
            raise RunError(f"{name}: no architecture of the pool can be trained with these settings; see pool.jsonl")
        best = min(trained, key=lambda row: row["validation_perplexity"])
        winner = pool.get(best["id"])
        train(winner)  # it is complete: this brings its weights back
        test = self.final.measure(trainer.model, winner.candidate.architecture.values)
        spent(self.work, f"retrain_{name}", start)
        return Retrained(winner, test, finalists, trainer)

    def lstm(self, found: Retrained) -> dict:
        """A Keras LSTM of the winner's size, trained for as many seconds."""
        values = found.winner.candidate.architecture.values
        return self.final.lstm(found.trainer, values, label_of(self.strategy_name, found.winner))

    # ---- what is left behind

    def export(self, found: Retrained, fitted) -> None:
        """Writes the winner and the controller as SavedModels."""
        export = self.work / "export"
        self.final.export(found.trainer, found.winner.candidate.architecture.values)
        if fitted is not None:
            export_controller(fitted.model, self.space, export / "controller" / "1")
            export_improve(fitted.model, self.space, export / "improve" / "1")

    def result(self, pool, found: Retrained, rivals, fitted) -> dict:
        """What result.json holds."""
        return {
            "task": self.task,
            "dataset": self.corpus.name,
            "source": self.corpus.source,
            "strategy": self.strategy_name,
            "seed": self.seed,
            "evaluations": len(pool),
            "best": pool.summary(found.winner),
            "top": [pool.summary(evaluation) for evaluation in pool.ranked[:10]],
            "finalists": found.finalists,
            "test": found.test,
            "baselines": rivals,
            "predictor": None if fitted is None else dataclasses.asdict(fitted.quality),
            "seconds": seconds(self.work),
            "versions": versions(),
        }

    def table(self, result) -> None:
        """The final table, for people."""
        say = self.terminal.say
        say(f"corpus {self.corpus.name}; {len(result['top'])} best of {result['evaluations']} architectures:")
        for row in result["top"]:
            say(f"  {row['id']:4d} {row['origin']:8s} perplexity {row['score']:8.2f}  {row['text']}")
        say(f"winner: architecture {result['best']['id']}, {result['best']['text']}")
        self.final.tell({"found cell": result["test"], **result["baselines"]})
        say(f"{self.work}: result.json, pool.jsonl, export/child/1, tensorboard")


def label_of(strategy: str, evaluation: Evaluation) -> str:
    """What the final model of an evaluated architecture is called in files."""
    return f"final_{strategy}_{evaluation.id}"


def readable(quality: dict) -> str:
    """Quality of a controller in words."""
    values = ((name.replace("_", " "), value) for name, value in quality.items() if value is not None)
    return ", ".join(f"{name} {value:.3g}" for name, value in values)
