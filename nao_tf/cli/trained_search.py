"""The stages of a search whose architectures are trained: search, retrain the best, test, compare, export, report.

What is trained is told by a subclass, a task's own; see the methods at the end of `TrainedSearch`.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import pathlib
import time

from nao_tf import controller
from nao_tf.cli.final_models import FinalModels
from nao_tf.cli.program import reproducible
from nao_tf.cli.rivals import measured
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import seconds, spent, versions, write
from nao_tf.errors import RunError
from nao_tf.report.tensorboard import Board
from nao_tf.search.loop import search
from nao_tf.search.pool import Evaluation, Pool
from nao_tf.search.strategies import STRATEGIES
from nao_tf.serving.export_controller import export_ascent, export_controller

LAST_ROUND = 2**31 - 1  # names the controller that is fitted to the whole pool when the search is over


@dataclasses.dataclass(frozen=True)
class Retrained:
    """The best few of a pool, trained to the end.

    Attributes:
        winner: the best of them on validation.
        test: its figures, see `FinalModels.measure`.
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
        final: the task's final models.
    """

    metric: str
    final: FinalModels

    def __init__(self, task, preset, space, work, strategy, seed, terminal: Terminal, devices=None):
        self.task, self.preset, self.space, self.work = task, preset, space, pathlib.Path(work)
        self.strategy_name, self.seed, self.terminal, self.devices = strategy, seed, terminal, devices
        reproducible(seed)

    def run(self, baselines: list[str]) -> dict:
        """All stages; returns what result.json holds."""
        self.terminal.say(self.data_line())
        pool = self.search(self.strategy_name, "pool.jsonl")
        fitted = self.fit(pool) if self.strategy_name == "nao" and len(pool.ranked) > 1 else None
        found = self.retrain(pool, self.strategy_name)
        self.export(found, fitted)  # before the comparisons, which take as long again and may fail
        others = [name for name in baselines if name != self.strategy_name]
        rivals = measured(
            sorted(others, key=lambda name: name != self.final.hand_made),  # the shortest first
            lambda name: self.rival_by_hand(found) if name == self.final.hand_made else self.rival(name, pool),
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

    def rival_by_hand(self, found: Retrained) -> dict:
        """The hand-made network, as large as the winner and trained for as many seconds."""
        winner = found.winner
        return self.final.rival(found.trainer, winner.candidate.architecture, label_of(self.strategy_name, winner))

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
        start, final, trainer, finalists = time.monotonic(), self.final, None, []

        def train(evaluation):
            nonlocal trainer
            architecture = evaluation.candidate.architecture
            trainer = final.trainer(architecture, trainer)
            final.train(trainer, architecture, label_of(name, evaluation))
            return final.validate(trainer, architecture)

        for evaluation in pool.ranked:
            if sum(row[final.metric] is not None for row in finalists) == self.preset.finalists:
                break
            row = {"id": evaluation.id, "text": evaluation.candidate.architecture.text}
            try:
                row[final.metric] = train(evaluation)
                said = f"{words(final.metric)} {self.written(row[final.metric])}"
            except RunError as error:  # the next of the pool takes its place
                row |= {final.metric: None, "reason": str(error)}
                said = f"failed: {error}"
            finalists.append(row)
            self.terminal.say(f"final model of architecture {evaluation.id}: {said}")
        trained = [row for row in finalists if row[final.metric] is not None]
        if not trained:
            raise RunError(f"{name}: no architecture of the pool can be trained with these settings; see pool.jsonl")
        sign = -1 if final.higher_is_better else 1
        best = min(trained, key=lambda row: sign * row[final.metric])
        winner = pool.get(best["id"])
        train(winner)  # it is complete: this brings its weights back
        test = final.measure(trainer, winner.candidate.architecture)
        spent(self.work, f"retrain_{name}", start)
        return Retrained(winner, test, finalists, trainer)

    # ---- what is left behind

    def export(self, found: Retrained, fitted) -> None:
        """Writes the winner and the controller as SavedModels."""
        export = self.work / "export"
        self.final.export(found.trainer, found.winner.candidate.architecture)
        if fitted is not None:
            export_controller(fitted.model, self.space, directory=export / "controller" / "1")
            export_ascent(fitted.model, self.space, directory=export / "improve" / "1")

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
