"""The ascent that a report shows is that of the exported controller."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from made_runs import table_run

from nao_tf.controller.settings import PRESETS, ControllerSettings
from nao_tf.errors import InputError
from nao_tf.report.ascent import ascents
from nao_tf.report.run import read_run
from nao_tf.search.strategies.nao import AscentSettings
from nao_tf.serving.exported_controller import load_controller

CONTROLLER = dataclasses.replace(
    PRESETS["small"], members=2, hidden=8, predictor_width=16, steps=60, spellings=2, held_out=0.2
)
SIZES = (2.0, 8.0, 30.0)


@pytest.fixture(scope="module")
def run(invented_table, tmp_path_factory):
    work = tmp_path_factory.mktemp("runs") / "nao"
    table_run(invented_table, work, strategy="nao", baselines=(), budget=24, initial=24,
              controller=CONTROLLER, ascent=AscentSettings(step_sizes=SIZES))  # fmt: skip
    return read_run(work)


def test_a_controller_is_read_back_as_it_was_exported(run):
    exported = tf.saved_model.load(run.path / "export" / "controller" / "1")
    tokens = run.space.token_array([run.architecture(row.values) for row in run.main.rows])
    model = load_controller(run.path / "export" / "controller", run.space, settings=CONTROLLER)
    expected = exported.signatures["predict"](tokens=tf.constant(tokens))["score"]
    np.testing.assert_allclose(model.predict_scores(tokens).numpy().mean(0), expected, rtol=1e-5)
    states = exported.signatures["encode"](tokens=tf.constant(tokens))["states"]  # [B, E, S, H]
    np.testing.assert_allclose(model.encode(tokens), tf.transpose(states, [1, 0, 2, 3]), atol=1e-6)
    with pytest.raises(InputError, match="other sizes"):
        load_controller(run.path / "export" / "controller", run.space, settings=ControllerSettings(members=2))
    with pytest.raises(InputError, match="cannot be read as an exported controller"):
        broken = run.path / "broken" / "1"
        broken.mkdir(parents=True)
        (broken / "saved_model.pb").write_bytes(b"")
        load_controller(broken.parent, run.space, settings=CONTROLLER)


def test_every_step_is_what_the_exported_ascent_answers(run, invented_score):
    improve = tf.saved_model.load(run.path / "export" / "improve" / "1").signatures["improve"]
    shown = ascents(run)
    assert [one.start.id for one in shown][-1] == run.main.ranked[0].id and len(shown) >= 2
    scores = sorted(run.main.goodness(row) for row in run.main.members)
    for ascent in shown:
        start = run.architecture(ascent.start.values)
        assert ascent.steps[0].architecture == start and ascent.steps[0].size == 0 and not ascent.steps[0].changed
        assert ascent.steps[0].place == pytest.approx((0, 0), abs=1e-5)
        assert [step.size for step in ascent.steps[1:]] == list(SIZES)
        for step in ascent.steps[1:]:
            tokens = tf.constant(run.space.token_array([start]))
            answer = improve(tokens=tokens, step_size=tf.constant([step.size]))
            assert step.architecture.tokens == tuple(answer["tokens"].numpy()[0, ascent.member])
            assert step.predicted == pytest.approx(float(answer["predicted"][0, ascent.member]), abs=1e-5)
            differs = {at for at in range(6) if step.architecture.values[at] != start.values[at]}
            assert step.changed == differs and step.place[0] > 0
            known = [row for row in run.main.members if row.values == step.architecture.canonical.values]
            assert (step.row is None) == (not known)
            if known:
                assert step.row.score == pytest.approx(invented_score(known[0].values), abs=1e-4)
                below = sum(score < known[0].score for score in scores)
                equal = sum(score == known[0].score for score in scores)
                assert step.measured == pytest.approx((below + equal / 2) / len(scores))
        assert set(ascent.heat) == set(range(6)) and max(ascent.heat.values()) == pytest.approx(1)
        assert len(ascent.points) >= 12


def test_the_heat_is_the_length_of_the_gradient_that_is_measured_by_differences(run):
    model = load_controller(run.path / "export" / "controller", run.space, settings=CONTROLLER)
    ascent = ascents(run)[0]
    states = model.encode(run.space.token_array([run.architecture(ascent.start.values)])).numpy()
    slopes = np.zeros(states.shape[2:])  # [S, H]
    for at in np.ndindex(slopes.shape):
        ends = []
        for change in (-1e-2, 1e-2):
            moved = states.copy()
            moved[ascent.member, 0, at[0], at[1]] += change
            ends.append(float(model.predictor(moved)[ascent.member, 0]))
        slopes[at] = (ends[1] - ends[0]) / 2e-2
    lengths = np.linalg.norm(slopes, axis=1)
    np.testing.assert_allclose(list(ascent.heat.values()), lengths / lengths.max(), atol=0.05)


def test_runs_without_a_controller_have_no_ascent(invented_table, tmp_path):
    table_run(invented_table, tmp_path / "run", baselines=())
    assert ascents(read_run(tmp_path / "run")) == []
