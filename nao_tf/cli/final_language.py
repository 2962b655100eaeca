"""What is done with a final language model, whoever chose its cell: train, measure, compare with an LSTM, export."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from collections.abc import Iterable, Mapping

from nao_tf.child.lstm_cell import units_of_equal_size
from nao_tf.cli.terminal import Rate, Terminal
from nao_tf.cli.work_directory import spent, write
from nao_tf.data.text import Corpus
from nao_tf.report.tensorboard import Board
from nao_tf.serving import stored_weights
from nao_tf.serving.export import export_child
from nao_tf.training.final import FinalTrainer
from nao_tf.training.language import ChildTrainer, Evaluator, perplexity
from nao_tf.training.settings import LanguageTraining

TRAINERS = {False: ChildTrainer, True: FinalTrainer}  # by `LanguageTraining.epochwise`


class FinalLanguageModels:
    """The final models of one run in its work directory.

    Args:
        settings: of their training.
        corpus: what they learn.
        work: the work directory.
        seed: of weights and dropout.
        terminal: what people read.
        devices: a `tf.distribute` strategy, or None.
        weights: how an export stores them, a name of `serving.stored_weights.FORMATS`.
    """

    def __init__(
        self,
        settings: LanguageTraining,
        corpus: Corpus,
        work: pathlib.Path,
        seed: int,
        terminal: Terminal,
        devices=None,
        weights: str = stored_weights.DEFAULT,
    ):
        self.settings, self.corpus, self.work, self.seed = settings, corpus, work, seed
        self.terminal, self.devices, self.weights = terminal, devices, weights
        self.words = len(corpus.vocabulary)

    def trainer(self) -> ChildTrainer:
        """The trainer of found cells."""
        settings, corpus = self.settings, self.corpus
        trainer = TRAINERS[settings.epochwise]
        return trainer(settings, corpus.train, corpus.valid, self.words, strategy=self.devices)

    def lstm_trainer(self, settings: LanguageTraining) -> ChildTrainer:
        """The trainer of the LSTM."""
        corpus = self.corpus
        return TRAINERS[settings.epochwise](settings, corpus.train, corpus.valid, self.words, "lstm")

    def train(self, trainer: ChildTrainer, values: Iterable[int], label: str) -> None:
        """Trains a final model, or goes on with it where a file says how far it is.

        Args:
            trainer: holds the weights afterwards.
            values: integers of the architecture; empty for the LSTM.
            label: names the checkpoint, the run of TensorBoard and the lines for people.

        Raises:
            DivergedError: see the trainer.
        """
        total = trainer.settings.steps
        file = self.work / "checkpoints" / f"{label}.npz"
        board, rate = Board(self.work / "tensorboard" / label), None

        def report(step, loss):
            nonlocal rate
            rate = rate or Rate(total, step)
            rate.step(step)
            board.training(step, loss)
            line = f"{label}: training loss {loss:.3f}; {rate}"
            if step % 1000 == 0:
                self.terminal.say(line)
            else:
                self.terminal.status(line)

        def on_epoch(epoch):
            which = f"{label}, epoch {epoch.epoch}, step {epoch.step}"
            if epoch.validation is None:
                self.terminal.say(f"{which}: diverged; going on from the best weights")
                return
            board.validation(epoch.step, perplexity(epoch.validation))
            of = " of averaged weights" if epoch.averaging else ""
            self.terminal.say(
                f"{which}: validation perplexity{of} {perplexity(epoch.validation):.2f}, "
                f"best {perplexity(epoch.best):.2f}"
            )

        epochs = {"on_epoch": on_epoch} if trainer.settings.epochwise else {}
        trainer.train(values, self.seed, report=report, save_to=file, **epochs)
        board.close()

    def measure(self, model, architecture: Iterable[int] = ()) -> dict:
        """Validation and test perplexity, exact: one sequence, every token once, the state carried over."""
        figures = {}
        for name, tokens in (("validation_perplexity", self.corpus.valid), ("perplexity", self.corpus.test)):
            figures[name] = perplexity(Evaluator(model, tokens, batch_size=1, window=35)(architecture))
        return {**figures, "parameters": model.count_params()}

    def lstm(self, trainer: ChildTrainer, values: Iterable[int], label: str) -> dict:
        """A one-layer Keras LSTM with as many parameters as a trained model, trained for as many seconds.

        Args:
            trainer: of the trained model; holds its weights, also afterwards.
            values: the model's integers.
            label: the model's, see `train`.

        Returns:
            The figures of `measure`, and the LSTM's `units` and `steps`.
        """
        start = time.monotonic()
        units = units_of_equal_size(trainer.model.count_params(), self.words)
        settings = dataclasses.replace(self.settings, units=units)
        plan = self.work / "checkpoints" / "lstm.json"  # how many steps; decided once, so that a resumed run keeps it
        if plan.exists():
            steps = json.loads(plan.read_text())["steps"]
        else:
            rival = self.lstm_trainer(settings)
            ratio = trainer.seconds_per_step(values) / rival.seconds_per_step(())
            steps = max(1, round(settings.steps * ratio))
            plan.parent.mkdir(parents=True, exist_ok=True)
            write(plan, json.dumps({"steps": steps, "steps_of_winner_in_a_step": ratio}))
            self.train(trainer, values, label)  # measuring trained its weights further; this brings them back
        rival = self.lstm_trainer(dataclasses.replace(settings, steps=steps))
        self.train(rival, (), "lstm")
        spent(self.work, "lstm", start)
        return self.measure(rival.model) | {"units": units, "steps": steps}

    def export(self, trainer: ChildTrainer, values: Iterable[int]) -> None:
        """Writes a trained model to export/child/1."""
        trainer.model.architecture = list(values)
        directory = self.work / "export" / "child" / "1"
        export_child(trainer.model, self.corpus.vocabulary, directory, self.weights)

    def tell(self, figures: Mapping[str, dict]) -> None:
        """A line for people of each model: what `measure` gave, or `failed`, why there is nothing."""
        self.terminal.compare(
            figures,
            "validation perplexity {validation_perplexity:8.2f}  test perplexity {perplexity:8.2f}  "
            "parameters {parameters:,}",
        )
