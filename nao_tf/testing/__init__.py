"""Contract tests for anyone's own strategies, evaluators, executors and tasks.

A test class that inherits from one of them and makes the object under test is collected by pytest as it is:

    class TestMyStrategy(nao_tf.testing.StrategyContract):
        def make_strategy(self, space, seed):
            return MyStrategy(space, seed)

The tests use plain assertions and pytest's fixture `tmp_path`.
"""

from nao_tf.testing.evaluators import EvaluatorContract
from nao_tf.testing.executors import ExecutorContract
from nao_tf.testing.strategies import StrategyContract
from nao_tf.testing.tasks import TaskContract

__all__ = ["EvaluatorContract", "ExecutorContract", "StrategyContract", "TaskContract"]
