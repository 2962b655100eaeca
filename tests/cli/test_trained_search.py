"""Which architectures of a pool are trained to the end, with models that train nothing."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from nao_tf.architecture import RecurrentSpace
from nao_tf.cli.terminal import Terminal
from nao_tf.cli.trained_search import TrainedSearch
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

    def __init__(self, work, final, finalists, trials=None, count=0):
        preset = SimpleNamespace(finalists=finalists, trials=count)
        super().__init__("task", preset, SPACE, work, "nao", 1, Terminal(io.StringIO()))
        self.final, self.trials = final, trials

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


def test_without_trials_the_score_chooses_and_validation_decides(pool, tmp_path):
    final = Models("accuracy", True, [0.5, None, 0.7, 0.9, 0.9])
    found = Search(tmp_path, final, finalists=2).retrain(pool, "nao")
    assert [row["id"] for row in found.finalists] == [2, 0, 1] and found.trials == []
    assert found.finalists[-1]["accuracy"] is None and found.finalists[-1]["reason"] == "it is no number"
    assert found.winner.id == 2 and found.test == {"measured": pool.get(2).candidate.architecture}
    assert final.labels == ["final_nao_0", "final_nao_1", "final_nao_2", "final_nao_2"]  # the last brings it back


def test_trials_choose_among_the_best_by_score(pool, tmp_path):
    final = Models("accuracy", True, [0.5, 0.6, 0.7, 0.8, 0.9])
    trials = Models("loss", False, [0.4, None, 0.2, 0.3, 0.1])
    found = Search(tmp_path, final, 1, trials, count=3).retrain(pool, "nao")
    assert [(row["id"], row["loss"]) for row in found.trials] == [(2, 0.2), (3, 0.3), (0, 0.4), (1, None)]
    assert found.winner.id == 2 and final.labels == ["final_nao_2"] * 2
    assert trials.labels == [f"trial_nao_{id}" for id in (0, 1, 2, 3)]


def test_after_those_that_were_tried_come_the_others(pool, tmp_path):
    final, trials = Models("accuracy", True, [None, None, 0.7, 0.8, 0.9]), Models("loss", False, [2, 1, 3, 4, 5])
    found = Search(tmp_path, final, 2, trials, count=2).retrain(pool, "nao")
    assert [row["id"] for row in found.finalists] == [3, 2, 1, 0] and found.winner.id == 3


def test_nothing_that_can_be_trained_is_an_error(pool, tmp_path):
    with pytest.raises(RunError, match="no architecture of the pool can be trained"):
        Search(tmp_path, Models("accuracy", True, [None] * 5), 1).retrain(pool, "nao")
