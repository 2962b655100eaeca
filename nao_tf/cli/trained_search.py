"""The stages of a search whose architectures are trained: search, retrain the best, test, compare, export, report.

What is trained is told by a subclass, a task's own; see the methods at the end of `TrainedSearch`.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib
import time

import keras
import tensorflow as tf

from nao_tf import controller
from nao_tf.cli.rivals import measured
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import seconds, spent, versions, write
from nao_tf.errors import RunError
from nao_tf.report.tensorboard import Board
from nao_tf.search.loop import search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.serving.export import export_controller, export_improve

LAST_ROUND = 2**31 - 1  # names the controller that is fitted to the whole pool when the search is over


@dataclasses.dataclass(frozen=True)
class Retrained:
    """The best few of a pool, trained to the end.

    Attributes:
        winner: the best of them on validation.
        test: its figures, see `TrainedSearch.measure`.
        finalists: id, text and validation figure of each; of one whose training diverged None, and the reason.
        trainer: holds the winner's weights.
    """

    winner: Evaluation
    test: dict
    finalists: list[dict]
    trainer: object


class TrainedSearch(abc.ABC):
    """One run of the program in its work directory.

    Args:
        task: the name of the task.
        preset: the stages' settings.
        space: of the architectures.
        work: the work directory.
        strategy: a name of `search.strategies.STRATEGIES`.
        seed: of everything random.
        terminal: what people read.
        devices: a `tf.distribute` strategy for the final models, or None.

    Attributes:
        metric: the name of the score; lower is better.
        final_metric: the name of the figure that chooses among final models.
        final_higher: whether a higher one is better.
        hand_made: the name of the task's hand-made network among the baselines.
        final: the task's final models; its `tell` tells people what `measure` gave.
    """

    metric: str
    final_metric: str
    final_higher: bool
    hand_made: str

    def __init__(self, task, preset, space, work, strategy, seed, terminal: Terminal, devices=None):
        self.task, self.preset, self.space, self.work = task, preset, space, pathlib.Path(work)
        self.strategy_name, self.seed, self.terminal, self.devices = strategy, seed, terminal, devices
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(seed)

    def run(self, baselines: list[str]) -> dict:
        """All stages; returns what result.json holds."""
        self.terminal.say(self.data_line())
        pool = self.search(self.strategy_name, "pool.jsonl")
        fitted = self.fit(pool) if self.strategy_name == "nao" and len(pool.ranked) > 1 else None
        found = self.retrain(pool, self.strategy_name)
        self.export(found, fitted)  # before the comparisons, which take as long again and may fail
        others = [name for name in baselines if name != self.strategy_name]
        rivals = measured(
            sorted(others, key=lambda name: name != self.hand_made),  # the shortest first
            lambda name: self.rival_by_hand(found) if name == self.hand_made else self.rival(name, pool),
        )
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

    def search(self, name, file, known=None) -> Pool:
        """Runs a strategy to the end of the budget; what is in the pool `known` costs nothing, but counts."""
        start, preset = time.monotonic(), self.preset
        pool = Pool(self.work / file, self.space, self.metric, higher_is_better=False)
        board = Board(self.work / "tensorboard" / f"search_{name}")
        if len(pool):
            self.terminal.say(f"{file}: {len(pool)} architectures are evaluated already")
        rate = Rate(preset.budget, len(pool))
        steps = preset.trainings[0].steps

        def on_evaluation(evaluation):
            rate.step(len(pool))
            best = pool.ranked[0].score if pool.ranked else None
            board.evaluation(evaluation.id, evaluation.score, best)
            score = f"failed: {evaluation.reason}" if evaluation.score is None else self.written(evaluation.score)
            self.terminal.say(
                f"{name}, architecture {evaluation.id} ({evaluation.candidate.origin}): {words(self.metric)} {score}"
                + (f", best {self.written(best)}" if best else "")
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
        start, trainer, finalists = time.monotonic(), self.final_trainer(), []

        def train(evaluation):
            return self.train_final(trainer, evaluation, label_of(name, evaluation))

        for evaluation in pool.ranked:
            if sum(row[self.final_metric] is not None for row in finalists) == self.preset.finalists:
                break
            row = {"id": evaluation.id, "text": evaluation.candidate.architecture.text}
            try:
                _, row[self.final_metric] = train(evaluation)
                said = f"{words(self.final_metric)} {self.written(row[self.final_metric])}"
            except RunError as error:  # the next of the pool takes its place
                row |= {self.final_metric: None, "reason": str(error)}
                said = f"failed: {error}"
            finalists.append(row)
            self.terminal.say(f"final model of architecture {evaluation.id}: {said}")
        trained = [row for row in finalists if row[self.final_metric] is not None]
        if not trained:
            raise RunError(f"{name}: no architecture of the pool can be trained with these settings; see pool.jsonl")
        sign = -1 if self.final_higher else 1
        best = min(trained, key=lambda row: sign * row[self.final_metric])
        winner = pool.get(best["id"])
        holder, _ = train(winner)  # it is complete: this brings its weights back
        test = self.measure(holder, winner)
        spent(self.work, f"retrain_{name}", start)
        return Retrained(winner, test, finalists, holder)

    # ---- what is left behind

    def export(self, found: Retrained, fitted) -> None:
        """Writes the winner and the controller as SavedModels."""
        export = self.work / "export"
        self.export_child(found, export / "child" / "1")
        if fitted is not None:
            export_controller(fitted.model, self.space, export / "controller" / "1")
            export_improve(fitted.model, self.space, export / "improve" / "1")

    def result(self, pool, found: Retrained, rivals, fitted) -> dict:
        """What result.json holds."""
        return {
            "task": self.task,
            **self.dataset(),
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
        say(f"{result['dataset']}; {len(result['top'])} best of {result['evaluations']} architectures:")
        for row in result["top"]:
            score = self.written(row["score"])
            say(f"  {row['id']:4d} {row['origin']:8s} {words(self.metric)} {score:>8s}  {row['text']}")
        say(f"winner: architecture {result['best']['id']}, {result['best']['text']}")
        self.final.tell({"found cell": result["test"], **result["baselines"]})
        say(f"{self.work}: result.json, pool.jsonl, export/child/1, tensorboard")

    # ---- what a task tells

    @abc.abstractmethod
    def data_line(self) -> str:
        """One line about the data, for people."""

    @abc.abstractmethod
    def dataset(self) -> dict:
        """Name and source of the data, for result.json."""

    @abc.abstractmethod
    def evaluator(self, name, known):
        """What scores architectures: a shared child or one from scratch for each that is not in the pool `known`."""

    def final_trainer(self):
        """What trains all final models of a pool, where one program does; else None."""
        return None

    @abc.abstractmethod
    def train_final(self, trainer, evaluation: Evaluation, label: str) -> tuple:
        """Trains a final model to the end, or brings it back; what holds its weights, and its validation figure.

        Args:
            trainer: what `final_trainer` gave.
            evaluation: of its architecture.
            label: names its files.

        Raises:
            RunError: it cannot be trained.
        """

    @abc.abstractmethod
    def measure(self, trainer, evaluation: Evaluation) -> dict:
        """Validation and test figures, and trainable parameters, of a trained model."""

    @abc.abstractmethod
    def rival_by_hand(self, found: Retrained) -> dict:
        """The figures of the hand-made network, as large and trained for as long as the winner."""

    @abc.abstractmethod
    def export_child(self, found: Retrained, directory: pathlib.Path) -> None:
        """Writes the winner as a SavedModel."""

    @abc.abstractmethod
    def written(self, figure: float) -> str:
        """A score or a validation figure, for people."""


def label_of(strategy: str, evaluation: Evaluation) -> str:
    """What the final model of an evaluated architecture is called in files."""
    return f"final_{strategy}_{evaluation.id}"


def words(name: str) -> str:
    """The name of a figure in words."""
    return name.replace("_", " ")


def readable(quality: dict) -> str:
    """Quality of a controller in words."""
    return ", ".join(f"{words(name)} {value:.3g}" for name, value in quality.items() if value is not None)
