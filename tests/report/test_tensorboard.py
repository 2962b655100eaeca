"""The events of a run, read back as TensorBoard reads them: by its own readers, and by its plugins' data routes."""

import itertools
import types
import urllib.parse

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
from tensorboard.plugins.image.images_plugin import ImagesPlugin
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from tensorboard.plugins.text.text_plugin import TextPlugin
from werkzeug.test import Client

from nao_tf.architecture import CategoricalSpace
from nao_tf.controller.fit import Controller
from nao_tf.controller.settings import ControllerSettings
from nao_tf.observer import Epoch
from nao_tf.report.tensorboard import TensorBoardObserver, observer
from nao_tf.report.tensorboard.projector import MOST_POINTS, selected
from nao_tf.search.pool import Candidate, Evaluation, Pool
from nao_tf.search.rungs import Rung

SPACE = CategoricalSpace("letters", {"a": ("x", "y"), "b|c": ("1", "2")})
LADDER = (Rung("10", 0.5), Rung("20", 1.0))


def pool_of(**more):
    return Pool(None, SPACE, metric="validation_loss", higher_is_better=False, **more)


def evaluate(observer, pool, id, score, *, round=0, rung=0, losses=((50, 6.5),)):
    candidate = Candidate(SPACE.architecture(list(SPACE.strings())[id]), "random", rung=rung)
    evaluation = Evaluation(id=id, candidate=candidate, round=round, score=score, parameters=7, losses=losses)
    pool.append(evaluation)
    observer.evaluation("nao", evaluation, pool=pool)


def scalars(directory):
    """Steps and values of each tag."""
    events = EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(event.step, float(event.tensor_proto.float_val[0])) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small run, its TensorBoard as a data provider, and the context of plugins."""
    directory = tmp_path_factory.mktemp("tensorboard")
    observer, pool = TensorBoardObserver(directory), pool_of()
    observer.search("nao", pool, budget=3)
    for id, score in enumerate((3.0, None, 2.0)):  # the second fails: no score, but still a best
        observer.training("child", 50, loss=6.5)
        evaluate(observer, pool, id, score)
    observer.round("nao", 0, pool=pool)
    settings = ControllerSettings(members=2, hidden=4, predictor_width=4, steps=2, spellings=1)
    members = [SPACE.architecture(values) for values in SPACE.strings()]
    observer.predictor(1, Controller.fit(SPACE, members, [1.0, 2.0, 3.0, 4.0], settings=settings))
    observer.training("final_nao_0", 50, loss=5.0, steps=100)
    observer.epoch("final_nao_0", Epoch(number=1, step=60, metric="validation_perplexity", value=9.0, best=9.0))
    observer.epoch("final_nao_0", Epoch(number=2, step=90, metric="validation_perplexity", value=None, best=9.0))
    observer.result(types.SimpleNamespace(words=("It is better.",)))
    multiplexer = EventMultiplexer(tensor_size_guidance={"images": 0}).AddRunsFromDirectory(str(directory)).Reload()
    return directory, TBContext(data_provider=MultiplexerDataProvider(multiplexer, str(directory)), logdir=directory)


def test_everything_that_a_run_measures_is_there_under_the_name_of_its_metric(written):
    directory, _ = written
    assert scalars(directory / "search_nao") == {
        "search/validation_loss": [(0, 3.0), (2, 2.0)],
        "search/best_validation_loss": [(0, 3.0), (1, 3.0), (2, 2.0)],
    }
    assert scalars(directory / "search_nao" / "training") == {
        "search/training_loss": [(50, 6.5), (1_000_050, 6.5), (2_000_050, 6.5)]
    }
    child = {"child/training_loss": [(50, 6.5)], "child/validation_loss": [(0, 2.0)]}
    assert scalars(directory / "search_nao" / "child_00002") == child
    of_controller = scalars(directory / "search_nao" / "controller")
    assert {"controller/loss_member_0", "controller/loss_member_1", "controller/held_out"} <= set(of_controller)
    assert {step for points in of_controller.values() for step, _ in points} == {1}
    assert scalars(directory / "final_nao_0") == {
        "final/training_loss": [(50, 5.0)],
        "final/validation_perplexity": [(60, 9.0)],
    }


def answer(written, kind, route, **query):
    """What a data route of a plugin answers; a query with `message` is sent as JSON."""
    client, message = Client(kind(written[1]).get_plugin_apps()[route]), query.pop("message", None)
    if message is not None:
        return client.post("/", json=message).get_json()
    content = client.get("/", query_string=query)
    return content.get_json() if content.mimetype == "application/json" else content.get_data()


def test_each_child_is_a_trial_of_hparams(written):
    experiment = answer(written, HParamsPlugin, "/experiment", message={"experimentName": ""})
    types_of = {info["name"]: info["type"] for info in experiment["hparamInfos"]}
    assert types_of["parameters"] == types_of["value 01, b|c"] == "DATA_TYPE_FLOAT64"  # numbers, since all words are
    assert types_of["architecture"] == types_of["value 00, a"] == "DATA_TYPE_STRING"
    [metric] = [info["name"] for info in experiment["metricInfos"]]
    assert metric["tag"] == "child/validation_loss"
    asked = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE"],
        "colParams": [{"metric": metric, "order": "ORDER_ASC"}],
        "sliceSize": 10,
    }
    groups = answer(written, HParamsPlugin, "/session_groups", message=asked)["sessionGroups"]
    assert {group["name"] for group in groups} == {"nao 0", "nao 1", "nao 2"}
    statuses = {group["name"]: group["sessions"][0]["status"] for group in groups}
    assert [name for name, status in statuses.items() if status == "STATUS_FAILURE"] == ["nao 1"]
    scored = [group for group in groups if group["name"] != "nao 1"]
    assert [group["metricValues"][0]["value"] for group in scored] == [2.0, 3.0]
    assert scored[0]["sessions"][0]["name"] == "search_nao/child_00002"
    assert scored[0]["hparams"] == {
        "strategy": "nao",
        "architecture": SPACE.architecture((1, 0)).text,
        "origin": "random",
        "round": 0.0,
        "parameters": 7.0,
        "value 00, a": "y",
        "value 01, b|c": 1.0,
    }


def test_the_best_are_a_table_and_drawings(written):
    [table] = answer(written, TextPlugin, "/text", run="search_nao/top", tag="top")
    assert table["text"].index(">2</td>") < table["text"].index(">3</td>")
    assert table["text"].count("<code>a=y, b&#124;c=1</code></li>") == 1
    [verdict] = answer(written, TextPlugin, "/text", run="search_nao/top", tag="verdict")
    assert "It is better." in verdict["text"]
    assert set(answer(written, ImagesPlugin, "/tags")["search_nao/top"]) == {"top/1", "top/2"}
    [image] = answer(written, ImagesPlugin, "/images", run="search_nao/top", tag="top/1", sample=0)
    png = answer(written, ImagesPlugin, "/individualImage", **dict(urllib.parse.parse_qsl(image["query"])))
    assert png.startswith(b"\x89PNG") and image["step"] == 3


def test_the_projector_has_a_point_and_a_row_for_each_member(written):
    assert answer(written, ProjectorPlugin, "/runs") == ["search_nao"]
    query = {"run": "search_nao", "name": "architectures"}
    rows = [row.split("\t") for row in answer(written, ProjectorPlugin, "/metadata", **query).decode().splitlines()]
    assert rows[0] == ["architecture", "measured", "predicted", "round", "id"]
    assert [(row[1], row[3], row[4]) for row in rows[1:]] == [("2", "0", "2"), ("3", "0", "0")]  # the best first
    [config] = answer(written, ProjectorPlugin, "/info", **query)["embeddings"]
    points, columns = config["tensorShape"]
    assert points == 2 and len(answer(written, ProjectorPlugin, "/tensor", **query)) == points * columns * 4


def test_a_resumed_run_repeats_nothing_and_adds_what_is_missing(tmp_path):
    pool, killed = pool_of(), TensorBoardObserver(tmp_path)
    killed.search("nao", pool, budget=2)
    evaluate(killed, pool, 0, 3.0)
    for step in (50, 100):
        killed.training("final_nao_0", step, loss=5.0)
    candidate = Candidate(SPACE.architecture((0, 1)), "random")
    pool.append(Evaluation(id=1, candidate=candidate, round=0, score=2.0, parameters=7))  # killed before it was told
    resumed = TensorBoardObserver(tmp_path)
    resumed.search("nao", pool, budget=3)
    evaluate(resumed, pool, 2, 1.0)
    resumed.training("final_nao_0", 100, loss=4.0)  # from the last state that was saved
    assert scalars(tmp_path / "search_nao")["search/validation_loss"] == [(0, 3.0), (2, 1.0)]
    assert scalars(tmp_path / "final_nao_0") == {"final/training_loss": [(50, 5.0), (100, 4.0)]}
    children = sorted(path.name for path in (tmp_path / "search_nao").glob("child_*"))
    assert children == ["child_00000", "child_00001", "child_00002"]
    assert scalars(tmp_path / "search_nao" / "child_00001") == {"child/validation_loss": [(0, 2.0)]}
    assert all(len(list(tmp_path.glob(f"search_nao/{child}/*"))) == 1 for child in children)


def test_a_child_that_climbs_stays_one_trial_of_one_file(tmp_path):
    pool, observer = pool_of(rungs=LADDER), TensorBoardObserver(tmp_path)
    observer.search("nao", pool, budget=2)
    evaluate(observer, pool, 0, 3.0)
    evaluate(observer, pool, 0, 2.0, round=1, rung=1, losses=((20, 5.0),))
    child = tmp_path / "search_nao" / "child_00000"
    assert scalars(child) == {
        "child/training_loss_10": [(50, 6.5)],
        "child/training_loss_20": [(20, 5.0)],
        "child/validation_loss": [(0, 3.0), (1, 2.0)],
    }
    [file] = child.iterdir()
    assert b"\x0220" in file.read_bytes().split(b"rung")[1]  # the rung that it has come to
    assert set(scalars(tmp_path / "search_nao")) == {
        "search/validation_loss_10",
        "search/validation_loss_20",
        "search/best_validation_loss",
    }


def test_what_a_large_search_writes_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(observer, "MOST_CHILDREN", 1)
    pool, writer = pool_of(), TensorBoardObserver(tmp_path)
    writer.search("nao", pool, budget=4)
    for id, score in enumerate((3.0, 4.0, 2.0, 2.5)):
        evaluate(writer, pool, id, score)
    children = {path.name for path in (tmp_path / "search_nao").glob("child_*")}
    assert children == {"child_00000", "child_00002"}  # the first, and a new best
    ranked = list(range(5 * MOST_POINTS))
    kept = selected(ranked)
    assert len(kept) == MOST_POINTS and kept[: MOST_POINTS // 2] == ranked[: MOST_POINTS // 2]
    assert kept[-1] == ranked[-1] and all(one < other for one, other in itertools.pairwise(kept))
