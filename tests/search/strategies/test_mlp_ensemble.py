import numpy as np

from nao_tf.search.strategies.mlp_ensemble import MlpEnsemble, MlpEnsembleSettings


def by_hand(ensemble, member, features):
    """The output of one network, layer by layer."""
    layers = list(zip(ensemble._weights[0::2], ensemble._weights[1::2], strict=True))
    for index, (weights, bias) in enumerate(layers):
        features = features @ weights[member] + bias[member]
        features = np.maximum(features, 0) if index < len(layers) - 1 else features
    return features[:, 0]


def test_gradients_are_those_of_the_squared_error():
    generator = np.random.default_rng(0)
    features, targets = generator.normal(size=[9, 4]), generator.normal(size=9)
    ensemble = MlpEnsemble(features, targets, settings=MlpEnsembleSettings(members=3, units=(5, 6), steps=3), seed=1)
    ensemble._weights = [weight.astype(np.float64) for weight in ensemble._weights]
    gradients = ensemble._gradients(features, targets)
    for weight, gradient in zip(ensemble._weights, gradients, strict=True):
        assert weight.shape == gradient.shape
        for _ in range(5):
            index = tuple(generator.integers(size) for size in weight.shape)
            errors = []
            for move in (1e-6, -2e-6):
                weight[index] += move
                errors.append(np.mean((by_hand(ensemble, index[0], features) - targets) ** 2))
            weight[index] += 1e-6
            np.testing.assert_allclose((errors[0] - errors[1]) / 2e-6, gradient[index], rtol=1e-4, atol=1e-8)


def test_the_mean_of_the_members_is_the_prediction():
    generator = np.random.default_rng(1)
    features, targets = generator.normal(size=[20, 3]), generator.normal(size=20)
    ensemble = MlpEnsemble(features, targets, settings=MlpEnsembleSettings(members=4, units=(8,), steps=10), seed=1)
    one_by_one = [by_hand(ensemble, member, features) for member in range(4)]
    np.testing.assert_allclose(ensemble.predict(features), np.mean(one_by_one, axis=0), rtol=1e-4, atol=1e-6)
    assert np.std(one_by_one, axis=0).min() > 1e-4  # they differ
    np.testing.assert_allclose(ensemble.predict_members(features), one_by_one, rtol=1e-4, atol=1e-6)
    assert ensemble.predict(features[:0]).shape == (0,) and ensemble.predict_members(features[:0]).shape == (4, 0)


def test_it_learns_a_function_that_is_not_linear():
    generator = np.random.default_rng(2)
    features = generator.integers(0, 2, [200, 8]).astype(float)
    targets = features[:, 0] * features[:, 1] - features[:, 2] * (1 - features[:, 3])
    ensemble = MlpEnsemble(features[:150], targets[:150], settings=MlpEnsembleSettings(), seed=1)
    error = np.mean((ensemble.predict(features[150:]) - targets[150:]) ** 2)
    assert error < 0.1 * np.var(targets)


def test_the_seed_decides_everything():
    features, targets = np.eye(6), np.arange(6.0)
    settings = MlpEnsembleSettings(members=2, units=(5,), steps=20)
    one, same, other = (
        MlpEnsemble(features, targets, settings=settings, seed=seed).predict(features) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
