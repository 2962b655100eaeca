from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nao_tf.report.tensorboard import Board


def test_everything_a_search_measures_is_on_the_board(tmp_path):
    board = Board(tmp_path)
    board.child(0, 50, 6.5)
    board.child(1, 50, 6.25)
    board.evaluation(0, 300.0, 300.0)
    board.evaluation(1, None, 300.0)  # failed: no score, but still a best
    board.controller(1, [0.5, 0.25], {"kendall_tau": 0.5, "pairwise_accuracy": None})
    board.training(50, 5.0)
    board.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    steps = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    assert steps == {
        "child/training_loss": [50, 1_000_050],
        "child/validation_perplexity": [0],
        "search/best_so_far": [0, 1],
        "controller/loss_member_0": [1],
        "controller/loss_member_1": [1],
        "controller/kendall_tau": [1],
        "final/training_loss": [50],
    }
