"""A task that trains nothing: scores and final figures by arithmetic, so that whole studies take milliseconds."""

import json

import numpy as np

from nao_tf import files
from nao_tf.architecture import CategoricalSpace
from nao_tf.errors import DivergedError
from nao_tf.search.evaluator import FunctionEvaluator, Outcome
from nao_tf.search.settings import StudySettings
from nao_tf.search.strategies.mlp import MlpSettings
from nao_tf.search.strategies.mlp_ensemble import MlpEnsembleSettings
from nao_tf.tasks.task import FinalModel, Metric, Rival, Task

NOISE = (0.0, 0.3, 0.1, 0.5, 0.2)  # of validation, by seed
SPACE = CategoricalSpace("toys", {name: tuple("0123") for name in ("a", "b", "c", "d")})


class ToyModel(FinalModel):
    """Its validation figure is the sum of the integers and, where the task says so, a little of the seed.

    Its test figure is the sum and a little of the seed.
    """

    def __init__(self, task, values, *, steps, seed):
        self.task, self.values, self.steps, self.seed = task, values, steps, seed
        self.parameters, self.trained = 10 * sum(values) + 1, False

    def train(self, checkpoint, *, label, observer):
        self.task.trainings.append((label, checkpoint.name, checkpoint.exists()))
        if self.values in self.task.diverging or (self.values, self.seed) in self.task.diverging:
            raise DivergedError("too steep")
        observer.training(label, self.steps, loss=1.0, steps=self.steps)
        files.write_text(checkpoint, json.dumps(list(self.values)))
        self.trained = True

    def validate(self):
        own = self.task.shift.get(self.values, 0.0)
        return float(sum(self.values)) + own + self.task.noise * NOISE[self.seed % len(NOISE)]

    def measure(self):
        assert self.trained
        test = float(sum(self.values)) + self.task.shift.get(self.values, 0.0) + self.seed / 10
        return {"validation": self.validate(), "test": test, "parameters": self.parameters}

    def seconds_per_step(self):
        self.trained = False  # measuring trains the weights further
        return 0.02 if len(self.values) == len(SPACE.positions) else 0.01

    def export(self, directory):
        files.write_text(directory / "model.json", json.dumps(list(self.values)))


class ToyTask(Task):
    """Scores are the distance to (3, 3, 3, 3), lower is better; final models are judged by another figure."""

    name, space, noun, rival, uses_tensorflow = "toys", SPACE, "toy", "brick", False
    metric = Metric("distance", higher_is_better=False, form="{:.1f}")
    final_metric = Metric("validation", higher_is_better=True)
    test_metric = Metric("test", higher_is_better=True, form="{:.1f}")
    repeats = False

    def __init__(self, settings=None, *, diverging=(), shift=None, data="one", final_steps=100, noise=0.0):
        small = MlpSettings(ensemble=MlpEnsembleSettings(members=2, units=(16,), steps=30))
        super().__init__(settings or StudySettings(budget=12, initial=6, proposals=3, finalists=2, mlp=small))
        self.diverging, self.shift, self.data, self.final_steps = set(diverging), shift or {}, data, final_steps
        self.noise, self.trainings, self.evaluated = noise, [], []

    def fingerprint(self):
        return self.data

    def final_identity(self):
        return {"steps": self.final_steps}

    @property
    def independent_scores(self):
        return self.repeats

    def useless(self, figures):
        return "it has learnt nothing" if figures["test"] < 1 else None

    def evaluator(self, *, seed, directory=None, executor=None):
        def score(architecture):
            self.evaluated.append(architecture.values)
            noise = np.random.default_rng([seed, *architecture.values]).normal() if self.repeats else 0
            return Outcome(
                float(np.sum(3 - np.array(architecture.values)) + noise), parameters=sum(architecture.values)
            )

        return FunctionEvaluator(score, executor=executor)

    def final(self, network, *, seed, devices=None, steps=None):
        values = tuple(network.size.values()) if isinstance(network, Rival) else network.values
        return ToyModel(self, values, steps=steps or self.final_steps, seed=seed)

    def rival_of(self, model):
        return Rival("brick", {"width": model.parameters // 10})
