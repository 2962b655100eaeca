"""Observers that show a run: on a terminal and in TensorBoard."""

from __future__ import annotations

from nao_tf.observer import Observer
from nao_tf.report.terminal import Terminal, TerminalObserver
from nao_tf.study.study import Study


def observers(study: Study, *, with_tensorboard: bool, terminal: Terminal | None = None) -> Observer:
    """What shows a study: a terminal, and TensorBoard's files where TensorFlow is loaded.

    Args:
        study: to be shown.
        with_tensorboard: whether files for TensorBoard are written to the work directory; loads TensorFlow.
        terminal: where the lines go; None: standard error.
    """
    shown = TerminalObserver(study.task, study.work.path, terminal=terminal)
    if not with_tensorboard:
        return shown
    from nao_tf.report.tensorboard import TensorBoardObserver

    return Observers(shown, TensorBoardObserver(study.work.path / "tensorboard"))


class Observers(Observer):
    """Passes every event to several observers.

    Args:
        observers: receive the events, in this order.
    """

    def __init__(self, *observers: Observer):
        self.observers = observers


def _passed_on(name):
    def event(self, *arguments, **named):
        for observer in self.observers:
            getattr(observer, name)(*arguments, **named)

    event.__name__ = name
    event.__doc__ = f"See `Observer.{name}`."
    return event


for _name, _method in list(vars(Observer).items()):
    if callable(_method) and not _name.startswith("_"):
        setattr(Observers, _name, _passed_on(_name))
