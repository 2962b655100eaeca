"""NAO as an oracle of KerasTuner: a tuner asks it for hyperparameters and trains them.

Run it, after pip install keras-tuner: python examples/keras_tuner_oracle.py
"""

import tempfile

import keras
import keras_tuner

import nao_tf
from nao_tf.data import digits


class NaoOracle(keras_tuner.Oracle):
    """Proposes hyperparameters that have a list of values, by gradient ascent in an embedding of them.

    Its memory are the trials, so a tuner that was stopped goes on. A range without steps has ten values, as everywhere
    in KerasTuner; what is active under a condition only keeps its default.

    Args:
        strategy: a name of `nao_tf.STRATEGIES`.
        initial: random trials at first.
        proposals: trials that are proposed at once, from one training of the controller.
        settings: of the strategy, such as `controller=nao_tf.ControllerSettings(…)`.
        options: of `keras_tuner.Oracle`, such as `objective`, `max_trials`, `seed`.
    """

    def __init__(self, *, strategy="nao", initial=20, proposals=5, settings=None, **options):
        super().__init__(**options)
        self.initial, self.proposals, self.waiting = initial, proposals, []
        self.entry, self.settings = nao_tf.STRATEGIES[strategy], settings or {}

    def populate_space(self, trial_id):
        """The values of the next trial; the search ends where all have been tried."""
        if not self.waiting:
            self.waiting = self.propose()
        if not self.waiting:
            return {"status": "STOPPED", "values": None}
        return {"status": "RUNNING", "values": self.defaults() | self.waiting.pop(0)}

    def defaults(self):
        """The default of every hyperparameter."""
        return {each.name: each.default for each in self.hyperparameters.space}

    def propose(self):
        """The values of several trials, none of which has been tried."""
        searched = {each.name: list(each.values) for each in self.hyperparameters.space if not each.conditions}
        names, choices = list(searched), list(searched.values())
        if not names:
            return [{}]  # nothing was built yet, so nothing is known
        numbers = [[str(number) for number in range(len(each))] for each in choices]  # values may be of any type
        space = nao_tf.CategoricalSpace("hyperparameters", dict(zip(names, numbers, strict=True)))
        pool = nao_tf.Pool(None, space, metric=self.objective.name, higher_is_better=self.objective.direction == "max")
        for trial in map(self.get_trial, self.end_order):
            tried = self.defaults() | trial.hyperparameters.values  # a build may add parameters on the way
            values = [place(each, tried[name]) for name, each in zip(names, choices, strict=True)]
            candidate = nao_tf.Candidate(space.architecture(values), "given")
            if candidate.architecture not in pool:  # a failed trial has no score, and teaches what to avoid
                pool.append(nao_tf.Evaluation(len(pool), candidate, 0, trial.score, None))
        if len(pool) < self.initial:
            asked = nao_tf.STRATEGIES["random"].make(space, self.seed).ask(pool, 0, self.initial - len(pool))
        else:
            asked = self.entry.make(space, self.seed, **self.settings).ask(pool, len(pool), self.proposals)
        return [
            {name: each[value] for name, each, value in zip(names, choices, one.architecture.values, strict=True)}
            for one in asked
        ]


def place(values, value):
    """The number of a value, or of the one next to it: the default of a range need not be one of its ten."""
    return values.index(value) if value in values else min(range(len(values)), key=lambda n: abs(values[n] - value))


def build(hyperparameters):
    """A dense network for the handwritten digits that the package carries."""
    model = keras.Sequential([keras.Input([64])])
    for layer in range(hyperparameters.Int("layers", 1, 3)):
        units = hyperparameters.Choice(f"units {layer}", [8, 16, 32, 64])
        model.add(keras.layers.Dense(units, hyperparameters.Choice("activation", ["relu", "tanh", "sigmoid"])))
    model.add(keras.layers.Dense(10, "softmax"))
    adam = keras.optimizers.Adam(hyperparameters.Choice("rate", [0.0003, 0.001, 0.003, 0.01, 0.03]))
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)  # seconds each
    return model


def main(trials: int = 18, initial: int = 10, proposals: int = 4) -> NaoOracle:
    """Tunes the network for one epoch a trial, and prints the best."""
    images, labels = digits.read()
    rows = images.reshape(len(images), -1) / 255
    small = {"controller": nao_tf.ControllerSettings(members=2, hidden=16, steps=200)}
    options = {"objective": "val_accuracy", "max_trials": trials, "seed": 1, "settings": small}
    oracle = NaoOracle(initial=initial, proposals=proposals, **options)
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Tuner(oracle, build, directory=folder, project_name="digits")
        tuner.search(rows[:1200], labels[:1200], validation_data=(rows[1200:], labels[1200:]), verbose=0)
    best = oracle.get_best_trials()[0]
    print(f"{best.score:.3f}  {best.hyperparameters.values}")
    return oracle


if __name__ == "__main__":
    main()
