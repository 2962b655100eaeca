"""Which architectures of a pool are trained to the end, with models that train nothing."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.trained_search import TrainedSearch

from nao_tf.architecture import RecurrentSpace
from nao_tf.errors import DivergedError, RunError
from nao_tf.search.pool import Candidate, Evaluation, Pool

SPACE = RecurrentSpace()


class Models:
    """Final models whose validation figures are known; those of `None` diverge."""

    def __init__(self, metric, higher_is_better, figures):
        self.metric, self.higher_is_better, self.figures, self.labels = metric, higher_is_better, figures, []

    def trainer(self, architecture, before=None):
        return SimpleNamespace(architecture=architecture)

    def train(self, trainer, architecture, label):
        self.labels.append(label)

    def validate(self, trainer, architecture):
        figure = self.figures[int(self.labels[-1].rsplit("_")[-1])]
        if figure is None:
            raise DivergedError("it is no number")
        return figure

    def measure(self, trainer, architecture):
        return {"measured": trainer.architecture}


class Search(TrainedSearch):
    metric = "validation_loss"

    def __init__(self, work, final, finalists):
        preset = SimpleNamespace(finalists=finalists)
        super().__init__("task", preset, SPACE, work, "nao", 1, Terminal(io.StringIO()))
        self.final = final

    def data_line(self):
        return ""

    def dataset(self):
        return {}

    def evaluator(self, name, known):
        return None

    def written(self, figure):
        return str(figure)


@pytest.fixture
def pool():
    """Five cells, the first the best by score."""
    generator, pool = np.random.default_rng(0), Pool(None, SPACE, "validation_loss", higher_is_better=False)
    for id in range(5):
        pool.append(Evaluation(id, Candidate(SPACE.sample(generator), "random"), 0, 1.0 + id, 10))
    return pool


def test_the_score_chooses_finalists_and_validation_decides(pool, tmp_path):
    final = Models("accuracy", True, [0.5, None, 0.7, 0.9, 0.9])
    found = Search(tmp_path, final, finalists=2).retrain(pool, "nao")
    assert [(row["id"], row["accuracy"]) for row in found.finalists] == [(0, 0.5), (1, None), (2, 0.7)]
    assert found.finalists[1]["reason"] == "it is no number"  # and the next of the pool has its place
    assert found.winner.id == 2 and found.test == {"measured": pool.get(2).candidate.architecture}
    assert final.labels == ["final_nao_0", "final_nao_1", "final_nao_2", "final_nao_2"]  # the last brings it back


def test_nothing_that_can_be_trained_is_an_error(pool, tmp_path):
    with pytest.raises(RunError, match="no architecture of the pool can be trained"):
        Search(tmp_path, Models("accuracy", True, [None] * 5), 1).retrain(pool, "nao")
