"""Two search spaces of your own, searched by random search and by NAO on an invented score.

    python examples/own_space.py

The first space needs no class: its decisions do not depend on each other. In the second one they do: a network never
grows narrower, and that is one method. Put your own training in place of `score_*`.
"""

import nao_tf
from nao_tf.architecture import Architecture, CategoricalSpace, Position, SearchSpace

# ---- a space of independent decisions

SMALL_NETWORK = CategoricalSpace(
    "small network",
    {
        f"{what} {layer}": words
        for layer in (1, 2, 3)
        for what, words in {"width": ("8", "16", "32", "64"), "kernel": ("1x1", "3x3", "5x5", "7x7")}.items()
    }
    | {"pooling": ("maximum", "average"), "activation": ("relu", "swish", "tanh")},
)


def score_network(architecture: Architecture) -> float:
    """Invented: wide layers help, the more the deeper they are, and cost; large kernels help early only."""
    width, kernel = architecture.values[0:6:2], architecture.values[1:6:2]
    fit = sum((layer + 1) * width[layer] + (3 - layer) * min(kernel[layer], 3 - layer) for layer in range(3))
    return fit - 0.25 * sum(width) ** 2 + (architecture.values[7] == 1)


# ---- a space in which a choice depends on the one before

WIDTHS = ("16", "24", "32", "48", "64", "96")


class GrowingNetwork(SearchSpace):
    """Five layers, none narrower than the one before it."""

    def __init__(self):
        layers = [Position(description=f"width of layer {n}", kind="width", words=WIDTHS) for n in range(1, 6)]
        super().__init__("growing network", layers)

    def choices(self, prefix):
        """The numbers of the widths that may follow; only the length and the last of `prefix` may count."""
        return tuple(range(prefix[-1] if prefix else 0, len(WIDTHS)))


def score_growing(architecture: Architecture) -> float:
    """Invented: a steady growth to a width of 64 is best."""
    return -sum((value - target) ** 2 for value, target in zip(architecture.values, (0, 1, 2, 3, 4), strict=True))


# ---- the search


def main() -> None:
    """Prints the best architecture that each strategy finds."""
    small = {"controller": nao_tf.ControllerSettings(members=2, hidden=16, steps=100)}
    for space, score in ((SMALL_NETWORK, score_network), (GrowingNetwork(), score_growing)):
        print(f"{space.name}: {space.size:,} architectures")
        for strategy, settings in (("random", {}), ("nao", small)):
            pool = nao_tf.search(space, score, budget=60, strategy=strategy, initial=20, proposals=10, **settings)
            print(f"  {strategy:6s} {pool.best.score:6.2f}  {pool.best.candidate.architecture.text}")


if __name__ == "__main__":
    main()
