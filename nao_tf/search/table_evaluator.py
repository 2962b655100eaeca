"""Scores out of a table instead of a training. Imports no TensorFlow, so a search on a table starts at once."""

from collections.abc import Callable, Iterator

from nao_tf.data.table import ArchitectureTable
from nao_tf.search.pool import Candidate, Evaluation, Pool


class TableEvaluator:
    """Looks every architecture up; one look-up counts as one evaluation.

    Args:
        table: with a row for every architecture of its space.
    """

    def __init__(self, table: ArchitectureTable):
        self.table = table

    def evaluate(
        self, pool: Pool, candidates: list[Candidate], round: int, report: Callable | None = None
    ) -> Iterator[Evaluation]:
        """Yields an evaluation for each candidate that the pool does not have. Nothing trains, nothing is reported."""
        for candidate in candidates:
            if candidate.architecture in pool:
                continue
            row = self.table.row(candidate.architecture)
            yield Evaluation(len(pool), candidate, round, row.score, row.parameters)
