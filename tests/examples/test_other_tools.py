"""A sampler of Optuna and an oracle of KerasTuner: what they ask for. `make test-docs` runs them with NAO."""

import pytest

import nao_tf


def test_a_sampler_of_optuna_learns_from_the_study_and_repeats_nothing():
    optuna = pytest.importorskip("optuna")
    from examples import optuna_sampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna_sampler.NaoSampler(1, strategy="evolution", initial=10, proposals=6)
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial):
        value = optuna_sampler.objective(trial)
        trial.suggest_float("rate", 0, 1)  # left to chance
        if trial.number == 3:
            raise nao_tf.DivergedError("invented")
        return value

    study.optimize(objective, n_trials=16, catch=nao_tf.DivergedError)
    assert study.trials[3].state == optuna.trial.TrialState.FAIL and len(sampler.waiting) == 0
    decisions = [tuple(value for name, value in trial.params.items() if name != "rate") for trial in study.trials]
    assert len(set(decisions[10:])) == 6 and not set(decisions[10:]) & set(decisions[:10])
    assert len({trial.params["rate"] for trial in study.trials}) == 16
    one_other = [sum(x != y for x, y in zip(old, decisions[10], strict=True)) for old in decisions[:10]]
    assert min(one_other) == 1  # a mutation of what it has learnt from


def test_an_oracle_of_keras_tuner_learns_from_the_trials_and_repeats_nothing(tmp_path):
    keras_tuner = pytest.importorskip("keras_tuner")
    from examples.keras_tuner_oracle import NaoOracle

    class Invented(keras_tuner.Tuner):
        def run_trial(self, trial, **options):
            known = trial.hyperparameters
            layers = known.Int("layers", 1, 3)
            widths = [known.Choice(f"width {layer}", [8, 16, 32]) for layer in range(layers)]  # more come on the way
            if len(self.oracle.trials) == 4:
                raise keras_tuner.errors.FailedTrialError("invented")
            return known.Float("rate", 0.1, 1) * sum(widths) + known.Boolean("bias")

    oracle = NaoOracle(
        strategy="evolution",
        initial=8,
        proposals=4,
        objective=keras_tuner.Objective("score", "max"),
        max_trials=20,
        seed=1,
    )
    Invented(oracle, directory=tmp_path, project_name="invented").search(verbose=0)
    trials = list(oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3 + ["FAILED"] + ["COMPLETED"] * 16
    active = [tuple(sorted(trial.hyperparameters.values.items())) for trial in trials[3:]]
    assert len(set(active)) == len(active)
    assert max(trial.score for trial in trials[8:]) > max(trial.score or 0 for trial in trials[:8])
