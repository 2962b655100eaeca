"""One training step on one device, or on parts of its batch on several (`tf.distribute`)."""

import contextlib
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class Devices:
    """Where a training runs.

    Args:
        strategy: divides every batch among its devices; None: one device.

    Attributes:
        distributed: whether there is a strategy.
        count: devices that share a batch.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self._strategy = strategy
        self.distributed = strategy is not None
        self.count: int = strategy.num_replicas_in_sync if strategy else 1

    def share(self, batch_size: int, items: str) -> int:
        """How many of a batch's items each device gets.

        Args:
            batch_size: items of a batch.
            items: what they are, for the error.

        Raises:
            ValueError: they cannot be shared equally.
        """
        if batch_size % self.count:
            raise ValueError(f"a batch of {batch_size} {items} does not divide among {self.count} devices")
        return batch_size // self.count

    def scope(self) -> contextlib.AbstractContextManager:
        """The context in which variables must be created."""
        return (self._strategy or tf.distribute.get_strategy()).scope()

    def run(self, step: Callable, whole: tuple, *, part: Callable[[int], tuple]) -> tuple:
        """Runs a step on the whole batch, or on every device with its part of it.

        Args:
            step: returns a mean over the items that it gets and, optionally, more tensors with one row an item. Must
                be called within a `tf.function` if there are several devices.
            whole: its arguments on one device.
            part: its arguments on the device of a number.

        Returns:
            The mean over the batch, and the other tensors with one row an item of the batch.
        """
        strategy = self._strategy
        if strategy is None:
            return step(*whole)
        parts = strategy.experimental_distribute_values_from_function(
            lambda context: part(context.replica_id_in_sync_group)
        )
        mean, *rows = strategy.run(lambda arguments: step(*arguments), args=(parts,))
        joined = [tf.concat(strategy.experimental_local_results(each), 0) for each in rows]
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, mean, axis=None), *joined

    def average(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Within a step: the mean of the gradients of all devices."""
        if self._strategy is None:
            return list(gradients)
        return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, list(gradients)))

    def apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        gradients: Sequence[tf.Tensor],
        *,
        variables: Sequence[keras.Variable],
        learning_rate: tf.Tensor,
    ) -> None:
        """Within a step: updates variables with gradients that are equal on all devices.

        Args:
            optimizer: of the variables.
            gradients: of the whole batch.
            variables: to update.
            learning_rate: scalar.
        """
        if self.count > 1:  # Keras adds up the gradients of the devices, and each device has that of the whole batch
            gradients = [gradient / self.count for gradient in gradients]
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply(list(gradients), list(variables))
