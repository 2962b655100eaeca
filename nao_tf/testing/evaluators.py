"""What every evaluator keeps."""

from __future__ import annotations

import pathlib

import numpy as np

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.search.evaluator import Evaluator, Outcome

COUNT = 3  # architectures that are evaluated


class EvaluatorContract:
    """Inherit, override `make_evaluator` and `make_space`, and name the class `Test…`."""

    def make_space(self) -> SearchSpace:
        """The space of the architectures."""
        raise NotImplementedError

    def make_evaluator(self, directory: pathlib.Path) -> Evaluator:
        """A new evaluator; a directory of its own for what it keeps between rounds."""
        raise NotImplementedError

    def architectures(self) -> list[Architecture]:
        """Some different architectures, in canonical form."""
        generator, space = np.random.default_rng(0), self.make_space()
        drawn: dict[Architecture, None] = {}
        while len(drawn) < COUNT:
            drawn[space.sample(generator).canonical] = None
        return list(drawn)

    def test_one_outcome_for_each_architecture(self, tmp_path: pathlib.Path) -> None:
        """A score or a reason, and neither both nor none."""
        outcomes = list(self.make_evaluator(tmp_path).evaluate(self.architectures(), round=0))
        assert len(outcomes) == COUNT
        for outcome in outcomes:
            assert isinstance(outcome, Outcome)
            assert (outcome.score is None) == (outcome.reason is not None)

    def test_equal_evaluators_give_equal_outcomes(self, tmp_path: pathlib.Path) -> None:
        """A resumed search goes on as an undisturbed one only if scores repeat."""
        one, other = (
            list(self.make_evaluator(tmp_path / name).evaluate(self.architectures(), round=0)) for name in "ab"
        )
        assert one == other

    def test_what_is_done_is_not_yielded_again(self, tmp_path: pathlib.Path) -> None:
        """The outcomes after a kill are those that were missing."""
        whole = list(self.make_evaluator(tmp_path / "a").evaluate(self.architectures(), round=0))
        rest = list(self.make_evaluator(tmp_path / "b").evaluate(self.architectures(), round=0, done=1))
        assert rest == whole[1:]

    def test_an_outcome_does_not_depend_on_the_others(self, tmp_path: pathlib.Path) -> None:
        """Unless all members are scored together: then the evaluator says so by `rescores`."""
        evaluator, architectures = self.make_evaluator(tmp_path / "a"), self.architectures()
        if evaluator.rescores:
            return
        forwards = list(evaluator.evaluate(architectures, round=0))
        backwards = list(self.make_evaluator(tmp_path / "b").evaluate(architectures[::-1], round=1))
        assert forwards == backwards[::-1]
