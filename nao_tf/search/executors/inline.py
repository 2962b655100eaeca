"""Work in this process."""

from collections.abc import Callable, Iterable, Iterator

from nao_tf.search.executors.executor import Item, Result


class Inline:
    """One item after the other, in this process."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """See `Executor`."""
        return map(function, items)
