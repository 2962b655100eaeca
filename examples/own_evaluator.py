"""A function of your own decides: which features and which smoothing make ridge regression predict best?

Run it: python examples/own_evaluator.py
"""

import numpy as np

import nao_tf

space = nao_tf.CategoricalSpace(
    "ridge",
    {
        "degree": ["1", "2", "3", "5", "8", "13"],
        "smoothing": ["1e-6", "1e-4", "1e-2", "1", "100"],
        "transform": ["none", "square root", "logarithm", "sine"],
        "scaling": ["none", "standard", "range"],
    },
)
TRANSFORMS = {"none": lambda x: x, "square root": np.sqrt, "logarithm": np.log1p, "sine": np.sin}
SCALINGS = {
    "none": lambda x: x,
    "standard": lambda x: (x - x.mean()) / x.std(),
    "range": lambda x: (x - x.min()) / (x.max() - x.min()),
}
generator = np.random.default_rng(0)
inputs = generator.uniform(0, 10, 200)
targets = np.sin(inputs) + 0.1 * inputs + generator.normal(0, 0.1, 200)


def evaluate(architecture: nao_tf.Architecture) -> float:
    """The error on the second half of a regression on the first, negative: higher is better."""
    decided = space.decisions_of(architecture.values)
    scaled = SCALINGS[decided["scaling"]](TRANSFORMS[decided["transform"]](inputs))
    features = np.stack([scaled**power for power in range(int(decided["degree"]) + 1)], axis=1)  # [N, degree + 1]
    if not np.all(np.isfinite(features)) or np.abs(features).max() > 1e9:
        raise nao_tf.DivergedError("the features overflow")  # a failed evaluation: the search learns and goes on
    seen, target = features[:100], targets[:100]
    ridge = seen.T @ seen + float(decided["smoothing"]) * np.eye(seen.shape[1])
    weights = np.linalg.solve(ridge, seen.T @ target)
    return -float(np.sqrt(np.mean((features[100:] @ weights - targets[100:]) ** 2)))


def main(strategy: str = "evolution", budget: int = 60) -> nao_tf.Pool:
    """Searches, and prints the three best."""
    pool = nao_tf.search(space, evaluate, budget=budget, strategy=strategy, seed=1)
    for evaluation in pool.ranked[:3]:
        print(f"{-evaluation.score:.4f}  {evaluation.candidate.architecture.text}")
    return pool


if __name__ == "__main__":
    main()
