"""Latencies of networks: measured on exports with TensorFlow's C++ runtime, kept, and told for others."""

import json

import numpy as np
import pytest
from toys import SPACE, ToyTask

from nao_tf.errors import InputError, RunError
from nao_tf.search.settings import StudySettings
from nao_tf.serving import latency
from nao_tf.study.latencies import SAMPLE, Latencies
from nao_tf.study.study import Study
from nao_tf.study.work_directory import LATENCIES
from nao_tf.tasks.sizes import limited


class SlowTask(ToyTask):
    """An architecture takes 1 ms and the sum of its integers, if `clock` measures it; its export is a product."""

    sizes = varying_sizes = ("parameters", "latency_ms")
    measures_latency = True

    def sizes_of(self, architecture):
        return {"parameters": 10 * sum(architecture.values) + 1}

    def limits_of(self, latency):
        self.space = limited(SPACE, self.settings.bounds, task=self, latency=latency, of="toys")

    def latency_features(self, architecture):
        return (sum(architecture.values), 1.0)

    def serve_untrained(self, architecture, directory):
        import tensorflow as tf

        self.served = getattr(self, "served", 0) + 1
        directory.mkdir(parents=True)
        (directory / "sum").write_text(str(sum(architecture.values)))
        module = tf.Module()
        module.weight = tf.Variable(tf.eye(4) * sum(architecture.values))
        signature = tf.function(lambda x: {"y": x @ module.weight}, [tf.TensorSpec([None, 4], tf.float32, "x")])
        tf.saved_model.save(module, directory, signatures={"serving_default": signature})
        return {"x": np.ones([1, 4], np.float32)}


@pytest.fixture
def clock(monkeypatch):
    """A machine whose speed is known; how many times slower it is than at first."""
    pace = {"now": 1.0}

    def medians(served, **options):
        return [pace["now"] * (1.0 + float((directory / "sum").read_text())) for directory, _ in served]

    monkeypatch.setattr(latency, "medians", medians)
    return pace


def test_an_export_is_asked_by_the_runtime_of_servers(tmp_path):
    inputs = SlowTask().serve_untrained(SPACE.architecture([1, 2, 0, 0]), tmp_path / "1")
    with latency.requests(tmp_path / "1", inputs) as request:
        assert np.allclose(request()[0], 3.0)
    [milliseconds] = latency.medians([(tmp_path / "1", inputs)], passes=2, most_seconds=0.01)
    assert 0 < milliseconds < 100


def test_others_are_told_from_a_sample_that_is_measured_once(clock, tmp_path):
    task = SlowTask()
    first = Latencies(task, SPACE, directory=tmp_path)
    assert "exported and measured" in first.learn() and len(first.measured) == SAMPLE == task.served
    other = SPACE.architecture([3, 3, 3, 2])
    assert first.predict(other) == pytest.approx(12, abs=0.01)
    clock["now"] = 5.0  # busy now: nobody is slower for that
    assert first.measure(other) == pytest.approx(12, abs=0.01)
    again = Latencies(SlowTask(), SPACE, directory=tmp_path)
    assert again.predict(other) == first.predict(other) and again.measured == first.measured
    (tmp_path / LATENCIES).write_text('{"measured": [{"architecture": [1], "milliseconds": -1}]}')
    with pytest.raises(InputError, match="latency.json.*measured again"):
        Latencies(task, SPACE, directory=tmp_path)


def test_a_study_proposes_only_what_is_fast_and_tells_the_front(clock, tmp_path):
    settings = dict(budget=14, initial=8, proposals=3, finalists=2, objectives=("score", "latency_ms"))
    limited = StudySettings(max_latency_ms=8.2, **settings)
    result = Study(SlowTask(limited), tmp_path / "one", strategy="evolution").run()
    sums = [sum(each.candidate.architecture.values) for each in result.pool.evaluations]
    assert len(sums) == 14 and max(sums) == 7
    content = json.loads((tmp_path / "one" / "result.json").read_text())
    assert content["objectives"] == ["score", "latency_ms"] and content["front"][0]["latency_ms"] == 8
    rows = [(row["score"], row["latency_ms"]) for row in content["front"]]  # both: lower is better
    assert rows == sorted(rows) and [row[1] for row in rows] == sorted({row[1] for row in rows}, reverse=True)
    assert min(sums) + 1 == rows[-1][1]  # the smallest is on it
    on_front = [row["id"] for row in content["front"]]
    assert [row["id"] for row in content["finalists"]] == on_front[:2] and "final_distance" not in content["front"][0]
    assert content["front"][0]["validation"] == content["finalists"][0]["validation"]
    before = (tmp_path / "one" / "pool.jsonl").read_bytes()
    again = Study(SlowTask(limited), tmp_path / "one", strategy="evolution").run()
    assert again.front == result.front and (tmp_path / "one" / "pool.jsonl").read_bytes() == before
    clock["now"] = 3.0  # with the same measurements, another work directory comes to the same pool
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / LATENCIES).write_bytes((tmp_path / "one" / LATENCIES).read_bytes())
    Study(SlowTask(limited), tmp_path / "other", strategy="evolution").run()
    assert (tmp_path / "other" / "pool.jsonl").read_bytes() == before


def test_what_turns_out_too_slow_is_not_trained_to_the_end(clock, tmp_path, monkeypatch):
    task = SlowTask(StudySettings(budget=8, initial=8, max_latency_ms=8.2))
    monkeypatch.setattr(task, "latency_features", lambda architecture: (0.0,))  # tells nothing
    result = Study(task, tmp_path / "one", strategy="random").run()
    best = result.pool.ranked[0].candidate.architecture
    assert sum(best.values) > 7 >= sum(result.architecture.values)
    task.settings = StudySettings(budget=8, initial=8, max_latency_ms=0.5)
    with pytest.raises(RunError, match="no architecture of toys keeps --max_latency_ms=0.5 with toys"):
        Study(task, tmp_path / "two", strategy="random").run()
