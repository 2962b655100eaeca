"""The second scores of a study: some members of a pool are scored again with another seed, for its audit."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from nao_tf.errors import InputError
from nao_tf.observer import Observer
from nao_tf.search.executors import Executor
from nao_tf.search.pool import Pool
from nao_tf.study import audit as audits
from nao_tf.study.work_directory import WorkDirectory
from nao_tf.tasks.task import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecondScores:
    """Scores members of a pool again, as many as the settings say; the scores have a pool of their own.

    Attributes:
        task: what is learned.
        work: the work directory.
        seed: of the study.
        observer: receives what happens.
        executor: where architectures are evaluated.
    """

    task: Task
    work: WorkDirectory
    seed: int
    observer: Observer
    executor: Executor | None

    @property
    def count(self) -> int:
        """Members of the pool that are scored again."""
        return audits.count_of(self.task.settings) if self.task.independent_scores else 0

    def identities(self) -> dict[str, dict[str, Any]]:
        """What decides the second scores, by the name of their file; nothing where none are made, whatever the budget.

        Raises:
            InputError: they are asked for where a score is no training of its own.
        """
        task, audited = self.task, self.task.settings.audited
        if audited and not task.independent_scores:
            raise InputError(f"--audited={audited} is of no use where a score is no training of its own; leave it out")
        if not task.independent_scores or audited == 0:
            return {}
        identity = {**task.identity(), **task.score_identity(), "seed": self._other_seed, "strategy": audits.NAME}
        return {self._file.name: identity}

    def of(self, pool: Pool) -> list[tuple[float, float]]:
        """Both scores of each member that is scored again, see `audit.score_again`."""
        with self.work.timed(audits.NAME):
            return audits.score_again(
                pool,
                Pool(self._file, pool.space, metric=pool.metric, higher_is_better=pool.higher_is_better),
                evaluator=self.task.evaluator(
                    seed=self._other_seed, directory=self.work.shared_child(audits.NAME), executor=self.executor
                ),
                members=audits.members_to_repeat(pool, self.count, seed=self.seed),
                observer=self.observer,
            )

    @property
    def _file(self) -> pathlib.Path:
        return self.work.pool(audits.NAME, main=False)

    @property
    def _other_seed(self) -> int:
        return (self.seed + audits.OTHER_SEED) % 2**32
