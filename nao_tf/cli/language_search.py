"""The stages of a search for a language model: search, retrain the best, test, compare, export, report."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import time

import keras
import tensorflow as tf

from nao_tf import controller
from nao_tf.child.lstm_cell import units_of_equal_size
from nao_tf.search.evaluators import METRIC, FromScratch, SharedWeights
from nao_tf.search.loop import search
from nao_tf.search.nao import NeuralArchitectureOptimization
from nao_tf.search.pool import Pool
from nao_tf.search.random import RandomSearch
from nao_tf.serving.export import export_child, export_controller
from nao_tf.training.language import ChildTrainer, Evaluator, SharedChildTrainer, perplexity


class LanguageSearch:
    """One run of the program in its work directory.

    Args:
        preset: `training.settings.LanguagePreset`.
        space: the recurrent space.
        corpus: `data.text.Corpus`.
        work: the work directory.
        strategy: "nao" or "random".
        seed: of everything random.
        devices: a `tf.distribute` strategy, or None.
    """

    def __init__(self, preset, space, corpus, work: pathlib.Path, strategy: str, seed: int, devices=None):
        self.preset, self.space, self.corpus, self.work = preset, space, corpus, work
        self.strategy_name, self.seed, self.devices = strategy, seed, devices
        self.seconds: dict[str, float] = {}
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)

    def run(self, baselines: list[str]) -> dict:
        """All stages; returns what result.json holds."""
        from nao_tf.cli.search import say

        say(f"corpus {self.corpus.name} ({self.corpus.source}): {len(self.corpus.vocabulary)} words")
        strategy, pool = self.search(self.strategy_name, "pool.jsonl")
        winner, test, trained = self.retrain(pool)
        result = self.result(strategy, pool, winner, test, trained)
        result["baselines"] = {}
        if "lstm" in baselines:
            result["baselines"]["lstm"] = self.lstm()
        if "random" in baselines and self.strategy_name != "random":
            _, other = self.search("random", "pool_random.jsonl")
            _, other_test, other_trained = self.retrain(other, "random_")
            result["baselines"]["random"] = {"test": other_test, "retrained": other_trained}
        self.export(strategy, pool, winner)
        result["seconds"] = self.seconds
        write(self.work / "result.json", json.dumps(result, indent=1) + "\n")
        self.table(result, say)
        return result

    # ---- search

    def strategy(self, name):
        """The strategy of a name."""
        if name == "random":
            return RandomSearch(self.space, self.seed)
        settings = controller.PRESETS[self.preset.controller]
        return NeuralArchitectureOptimization(self.space, self.seed, settings, self.preset.random_share)

    def search(self, name, file):
        """Runs a strategy to the end of the budget; returns it and its pool."""
        from nao_tf.cli.search import say

        start, preset, corpus = time.monotonic(), self.preset, self.corpus
        strategy = self.strategy(name)
        pool = Pool(self.work / file, self.space, METRIC, higher_is_better=False)
        words = len(corpus.vocabulary)
        if preset.weight_sharing:
            trainer = SharedChildTrainer(preset.shared, corpus.train, corpus.valid, words, self.seed)
            evaluator = SharedWeights(trainer, self.work / "checkpoints" / pathlib.Path(file).stem)
        else:
            evaluator = FromScratch(ChildTrainer(preset.scratch, corpus.train, corpus.valid, words), self.seed)
        writer = tf.summary.create_file_writer(str(self.work / "tensorboard" / f"search_{name}"))
        already, first = len(pool), time.monotonic()
        if already:
            say(f"{file}: {already} architectures are evaluated already")

        def on_evaluation(evaluation):
            best = pool.ranked[0].score if pool.ranked else float("nan")
            done = len(pool) - already
            rate = (time.monotonic() - first) / max(done, 1)
            score = "failed: " + evaluation.reason if evaluation.score is None else f"{evaluation.score:.2f}"
            say(
                f"{name} {evaluation.id + 1}/{preset.budget} [{evaluation.candidate.origin}] perplexity {score}, "
                f"best {best:.2f}, {rate:.1f} s each, {rate * (preset.budget - len(pool)) / 60:.1f} min left"
            )
            with writer.as_default(step=evaluation.id):
                if evaluation.score is not None:
                    tf.summary.scalar("child/validation_perplexity", evaluation.score)
                tf.summary.scalar("search/best_so_far", best)
            with open(self.work / "timings.jsonl", "a") as timings:
                timings.write(json.dumps({"pool": file, "id": evaluation.id, "seconds": round(rate, 3)}) + "\n")

        def on_round(round):
            quality = strategy.quality()
            if quality:
                say(f"round {round}: held-out quality of the controller {quality}")
                with writer.as_default(step=round):
                    for key, value in quality.items():
                        if value is not None:
                            tf.summary.scalar(f"controller/{key}", value)

        def report(step, loss):
            with writer.as_default(step=len(pool) * 100_000 + step):
                tf.summary.scalar("child/training_loss", loss)

        search(
            strategy, evaluator, pool, preset.budget, preset.initial, preset.proposals, on_evaluation, on_round, report
        )
        writer.close()
        self.seconds[f"search_{name}"] = round(time.monotonic() - start, 1)
        return strategy, pool

    # ---- the final models

    def retrain(self, pool, prefix=""):
        """Trains the best few from scratch, chooses by validation, tests once.

        Returns:
            The winner's evaluation, its test figures, and the validation of all finalists.
        """
        from nao_tf.cli.search import say

        start = time.monotonic()
        final, corpus = self.preset.final, self.corpus
        trainer = ChildTrainer(final, corpus.train, corpus.valid, len(corpus.vocabulary), strategy=self.devices)
        self.trainer, trained = trainer, []
        for evaluation in pool.ranked[: self.preset.finalists]:
            architecture = evaluation.candidate.architecture
            began = time.monotonic()
            trainer.train(
                architecture.values,
                self.seed + 1,
                save_to=self.work / "checkpoints" / f"{prefix}final-{evaluation.id}.npz",
                report=lambda step, loss: (
                    step % 500 or say(f"final step {step}/{final.steps}, training loss {loss:.3f}")
                ),
            )
            found = perplexity(trainer.evaluate(architecture.values))
            spent = time.monotonic() - began
            trained.append({"id": evaluation.id, "text": architecture.text, "validation_perplexity": found})
            trained[-1]["seconds"] = round(spent, 1)
            say(f"final model of architecture {evaluation.id}: validation perplexity {found:.2f} ({spent:.0f} s)")
        best = min(trained, key=lambda row: row["validation_perplexity"])
        winner = pool.get(best["id"])
        trainer.train(  # complete already: this brings its weights back
            winner.candidate.architecture.values,
            self.seed + 1,
            save_to=self.work / "checkpoints" / f"{prefix}final-{winner.id}.npz",
        )
        test = self.measure(trainer.model, winner.candidate.architecture.values)
        self.seconds[f"{prefix}retrain"] = round(time.monotonic() - start, 1)
        return winner, test, trained

    def measure(self, model, architecture=()):
        """Validation and test perplexity, exact: one sequence, every token once."""
        figures = {}
        for name, tokens in (("validation_perplexity", self.corpus.valid), ("perplexity", self.corpus.test)):
            figures[name] = perplexity(Evaluator(model, tokens, 1, 35)(architecture))
        return {**figures, "parameters": model.count_params()}

    def lstm(self):
        """A one-layer Keras LSTM with as many parameters as the winner, trained as long as it."""
        from nao_tf.cli.search import say

        start = time.monotonic()
        words = len(self.corpus.vocabulary)
        units = units_of_equal_size(self.trainer.model.count_params(), words)
        settings = dataclasses.replace(self.preset.final, units=units)
        trainer = ChildTrainer(settings, self.corpus.train, self.corpus.valid, words, "lstm")
        trainer.train(
            (),
            self.seed + 1,
            save_to=self.work / "checkpoints" / "lstm.npz",
            report=lambda step, loss: step % 500 or say(f"LSTM step {step}/{settings.steps}, training loss {loss:.3f}"),
        )
        figures = self.measure(trainer.model) | {"units": units, "steps": settings.steps}
        self.seconds["lstm"] = figures["seconds"] = round(time.monotonic() - start, 1)
        return figures

    # ---- what is left behind

    def export(self, strategy, pool, winner):
        """Writes the winner and the controller as SavedModels."""
        model = self.trainer.model
        model.architecture = list(winner.candidate.architecture.values)
        export_child(model, self.corpus.vocabulary, self.work / "export" / "child" / "1")
        fitted = getattr(strategy, "controller", None)
        if fitted is None and self.strategy_name == "nao" and len(pool.ranked) > 1:
            strategy.ask(pool, 10**6, 1)  # a resumed run has fitted none
            fitted = strategy.controller
        if fitted is not None:
            export_controller(fitted.model, self.space, self.work / "export" / "controller" / "1")

    def result(self, strategy, pool, winner, test, trained):
        """What result.json holds."""
        top = [
            {"id": e.id, "architecture": list(e.candidate.architecture.values), "score": e.score, "metric": METRIC}
            for e in pool.ranked[:10]
        ]
        architecture = winner.candidate.architecture
        return {
            "task": self.corpus.name,
            "dataset": {"name": self.corpus.name, "source": self.corpus.source},
            "strategy": self.strategy_name,
            "seed": self.seed,
            "evaluations": len(pool),
            "best": {
                "id": winner.id,
                "architecture": list(architecture.values),
                "text": architecture.text,
                "score": winner.score,
                "metric": METRIC,
            },
            "top": top,
            "retrained": trained,
            "test": test,
            "predictor": strategy.quality(),
            "versions": {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
        }

    def table(self, result, say):
        """The final table, for people."""
        say(f"corpus {self.corpus.name}: found cell {result['best']['text']}")
        rows = {"found cell": result["test"]}
        for name, figures in result["baselines"].items():
            rows[name] = figures.get("test", figures)
        for name, row in rows.items():
            say(
                f"{name:12s} validation perplexity {row['validation_perplexity']:8.2f}  "
                f"test perplexity {row['perplexity']:8.2f}  parameters {row['parameters']:,}"
            )
        say(f"{self.work}: result.json, pool.jsonl, export/child/1, export/controller/1, tensorboard")


def write(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_suffix(".writing")
    temporary.write_text(text)
    os.replace(temporary, path)
