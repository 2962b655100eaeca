"""The events of a run as scalars of TensorBoard, read back by TensorBoard's own reader."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nao_tf.architecture import CategoricalSpace
from nao_tf.controller.fit import Controller
from nao_tf.controller.settings import ControllerSettings
from nao_tf.observer import Epoch
from nao_tf.report.tensorboard import TensorBoardObserver
from nao_tf.search.pool import Candidate, Evaluation, Pool

SPACE = CategoricalSpace("letters", {"a": ("x", "y"), "b": ("x", "y")})


def scalars(directory):
    events = EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()
    return {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}


def test_everything_that_a_run_measures_is_there_under_the_name_of_its_metric(tmp_path):
    observer, pool = TensorBoardObserver(tmp_path), Pool(None, SPACE, metric="validation_loss", higher_is_better=False)
    observer.search("nao", pool, budget=2)
    for id, score in enumerate((3.0, None)):  # the second fails: no score, but still a best
        observer.training("child", 50, loss=6.5)
        candidate = Candidate(SPACE.architecture((0, id)), "random")
        pool.append(Evaluation(id=id, candidate=candidate, round=0, score=score, parameters=1))
        observer.evaluation("nao", pool.get(id), pool=pool)
    settings = ControllerSettings(members=2, hidden=4, predictor_width=4, steps=2, spellings=1)
    members = [SPACE.architecture(values) for values in SPACE.strings()]
    observer.predictor(1, Controller.fit(SPACE, members, [1.0, 2.0, 3.0, 4.0], settings=settings))
    observer.training("final_nao_0", 50, loss=5.0, steps=100)
    observer.epoch("final_nao_0", Epoch(number=1, step=60, metric="validation_perplexity", value=9.0, best=9.0))
    observer.epoch("final_nao_0", Epoch(number=2, step=90, metric="validation_perplexity", value=None, best=9.0))
    observer.result(None)
    found = scalars(tmp_path / "search_nao")
    quality = [name for name in found if name.startswith("controller/") and "loss" not in name]
    assert {name: steps for name, steps in found.items() if name not in quality} == {
        "child/training_loss": [50, 1_000_050],
        "child/validation_loss": [0],
        "search/best_so_far": [0, 1],
        "controller/loss_member_0": [1],
        "controller/loss_member_1": [1],
    }
    assert "controller/held_out" in quality
    assert scalars(tmp_path / "final_nao_0") == {"final/training_loss": [50], "final/validation_perplexity": [60]}
