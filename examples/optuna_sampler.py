"""NAO as a sampler of Optuna: it proposes what a study tries next, from all trials that the study has.

Run it, after pip install optuna: python examples/optuna_sampler.py
"""

import optuna

import nao_tf


class NaoSampler(optuna.samplers.BaseSampler):
    """Samples categorical parameters by gradient ascent in an embedding of them; all else as Optuna's random sampler.

    The study is its whole memory, so it can be stopped, stored and gone on with. The parameters are learnt from the
    first trials, which are random; those that some trials lack are left to the random sampler.

    Args:
        seed: of everything random.
        strategy: a name of `nao_tf.STRATEGIES`.
        initial: random trials at first.
        proposals: trials that are proposed at once, from one training of the controller.
        settings: of the strategy, such as `controller=nao_tf.ControllerSettings(…)`.
    """

    def __init__(self, seed=1, *, strategy="nao", initial=20, proposals=10, **settings):
        self.seed, self.initial, self.proposals = seed, initial, proposals
        self.entry, self.settings = nao_tf.STRATEGIES[strategy], settings
        self.random, self.waiting = optuna.samplers.RandomSampler(seed), []

    def infer_relative_search_space(self, study, trial):
        """The categorical parameters that all trials so far have."""
        common = optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))
        kind = optuna.distributions.CategoricalDistribution
        return {name: each for name, each in common.items() if isinstance(each, kind)}

    def sample_relative(self, study, trial, search_space):
        """The next proposal for these parameters; nothing, so random values, as long as too little is known."""
        if not self.waiting or self.waiting[0].keys() != search_space.keys():
            self.waiting = self.propose(study, search_space)
        return self.waiting.pop(0) if self.waiting else {}

    def propose(self, study, search_space):
        """Parameters of several trials, none of which the study has had."""
        if not search_space:
            return []
        names, choices = list(search_space), [each.choices for each in search_space.values()]
        numbers = [[str(number) for number in range(len(each))] for each in choices]  # choices may be of any type
        space = nao_tf.CategoricalSpace("study", dict(zip(names, numbers, strict=True)))
        maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        pool = nao_tf.Pool(None, space, metric="value", higher_is_better=maximize)
        for trial in study.get_trials(deepcopy=False):
            if trial.state.is_finished() and search_space.keys() <= trial.params.keys():
                values = [each.index(trial.params[name]) for name, each in zip(names, choices, strict=True)]
                candidate = nao_tf.Candidate(space.architecture(values), "given")
                if candidate.architecture not in pool:  # a failed trial has no value, and teaches what to avoid
                    pool.append(nao_tf.Evaluation(len(pool), candidate, 0, trial.value, None))
        if len(pool) < self.initial:
            return []
        strategy = self.entry.make(space, self.seed, **self.settings)
        asked = [candidate.architecture.values for candidate in strategy.ask(pool, len(pool), self.proposals)]
        return [
            {name: each[value] for name, each, value in zip(names, choices, values, strict=True)} for values in asked
        ]

    def sample_independent(self, study, trial, param_name, param_distribution):
        """A random value of any parameter."""
        return self.random.sample_independent(study, trial, param_name, param_distribution)


def objective(trial):
    """An invented accuracy: growing widths, small kernels at the end, and one activation after another."""
    widths = [trial.suggest_categorical(f"width {layer}", [8, 16, 32, 64]) for layer in range(4)]
    kernels = [trial.suggest_categorical(f"kernel {layer}", [1, 3, 5, 7]) for layer in range(4)]
    activation = trial.suggest_categorical("activation", ["relu", "tanh", "swish"])
    grown = sum(after == 2 * before for before, after in zip(widths, widths[1:], strict=False))
    fit = sum(kernel == wanted for kernel, wanted in zip(kernels, (7, 5, 3, 3), strict=True))
    return grown + fit + (activation == "swish") * (widths[-1] == 64)


def main(trials: int = 60, **settings) -> dict[str, float]:
    """The best value that it and Optuna's random and TPE samplers find, of 8 that can be had."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    samplers = {
        "nao": NaoSampler(**settings),
        "random": optuna.samplers.RandomSampler(seed=1),
        "tpe": optuna.samplers.TPESampler(seed=1),
    }
    best = {}
    for name, sampler in samplers.items():
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(objective, n_trials=trials)
        best[name] = study.best_value
        print(f"{name:7s} {study.best_value:g}  {study.best_params}")
    return best


if __name__ == "__main__":
    main()
