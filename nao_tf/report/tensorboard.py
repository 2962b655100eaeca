"""What a search writes for TensorBoard: children, the controller, the best so far."""

from __future__ import annotations

import os
import pathlib

import tensorflow as tf


class Board:
    """One run directory of TensorBoard.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: os.PathLike):
        self._writer = tf.summary.create_file_writer(str(pathlib.Path(directory)))

    def child(self, id: int, step: int, loss: float) -> None:
        """Training loss of child `id`, nats a token; children stand behind each other on the axis of steps."""
        self._write(id * 1_000_000 + step, {"child/training_loss": loss})

    def training(self, step: int, loss: float) -> None:
        """Training loss of a final model, nats a token."""
        self._write(step, {"final/training_loss": loss})

    def validation(self, step: int, perplexity: float) -> None:
        """Perplexity of a final model on validation, after an epoch."""
        self._write(step, {"final/validation_perplexity": perplexity})

    def evaluation(self, id: int, perplexity: float | None, best: float | None) -> None:
        """An evaluated architecture and the best so far."""
        self._write(id, {"child/validation_perplexity": perplexity, "search/best_so_far": best})

    def controller(self, round: int, losses, quality: dict) -> None:
        """Loss of every member at the end of its training, and the quality on held-out architectures."""
        values = {f"controller/loss_member_{member}": loss for member, loss in enumerate(losses)}
        self._write(round, values | {f"controller/{name}": value for name, value in quality.items()})

    def close(self) -> None:
        """Writes what is still in memory."""
        self._writer.close()

    def _write(self, step, values):
        with self._writer.as_default(step=step):
            for name, value in values.items():
                if value is not None:
                    tf.summary.scalar(name, value)
