"""What several benchmarks are tested on."""

import numpy as np
import pytest

from nao_tf.architecture import NasBench201Space


@pytest.fixture(scope="module")
def ladder_table(tmp_path_factory, invented_score):
    """A table with a cheap column beside the score, which has an error of its own for each cell."""
    path, space = tmp_path_factory.mktemp("ladder") / "ladder.csv", NasBench201Space()
    errors = np.random.default_rng(0).normal(0, 0.5, space.size)
    lines = ["arch,short,seen,told"]
    for error, values in zip(errors, space.strings(), strict=True):
        score = invented_score(values)
        lines.append(f"{space.text(values)},{score + error:.4f},{score:.4f},{score:.4f}")
    path.write_text("\n".join(lines) + "\n")
    return path
