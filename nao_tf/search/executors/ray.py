"""Workers on a cluster of Ray: each is an actor, which may be lost with its machine."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nao_tf.errors import InputError
from nao_tf.search.executors.workers import (
    Died,
    Event,
    Finished,
    Message,
    SentFunction,
    Worker,
    Workers,
    thread_variables,
)
from nao_tf.search.executors.working import finished, learnt


class Ray(Workers):
    """Actors of a Ray cluster, started once and used for everything that is mapped.

    A function, with the data that it holds, is put into the object store once; every machine of the cluster fetches it
    once. All machines need the package in the same version, and those of TensorFlow and Keras for equal scores.

    Args:
        workers: actors at a time; None: as many as the cluster has room for.
        address: of the cluster, as `ray.init` takes it; None: the one that `RAY_ADDRESS` names, or else one on this
            machine, which ends with this process.
        resources: that Ray keeps for each actor: `CPU`, `GPU`, `memory` in bytes and others that the cluster knows by
            name; one CPU where nothing is said. Without `GPU` an actor sees none.
        minutes: an item that takes longer is given up at once; None: no limit.

    Raises:
        InputError: Ray is not installed, the cluster does not answer, or it has no room.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        address: str | None = None,
        resources: Mapping[str, Any] | None = None,
        minutes: float | None = None,
    ):
        self._ray = _connected(address)
        self.resources = {"CPU": 1.0, **(resources or {})}
        room = _room(self._nodes(), self.resources)
        needs = ", ".join(f"{name}={amount:g}" for name, amount in self.resources.items())
        claiming = any(amount > 0 for amount in self.resources.values())  # of what claims nothing any number fits
        if room < (workers or 1) and (claiming or workers is None):
            raise InputError(f"{workers or 1} workers of {needs}: the Ray cluster has room for {room}")
        super().__init__(workers or room, minutes=minutes)
        self._functions: dict[bytes, Any] = {}  # references to what the object store holds
        self._events: Any = None

    def divided(self, count: int) -> Ray:
        """An executor for a few long items, without a limit of time, among which the cluster's CPUs are divided.

        Args:
            count: of the items; where they are as many as the workers, and there is no limit, it is this executor.
        """
        workers = max(1, min(count, self.workers))
        if workers == self.workers and self.minutes is None:
            return self
        nodes, share = self._nodes(), self.resources
        while "GPU" not in share and _room(nodes, {**share, "CPU": share["CPU"] + 1}) >= workers:
            share = {**share, "CPU": share["CPU"] + 1}
        return Ray(workers, resources=share)

    def _nodes(self) -> list[dict[str, float]]:
        """The resources of each machine of the cluster."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def close(self) -> None:
        """Ends the workers. The connection stays for others; it ends with the process."""
        super().close()
        self._functions.clear()
        if self._events is not None:
            self._ray.kill(self._events)
            self._events = None

    def _new_worker(self) -> Worker:
        ray = self._ray
        if self._events is None:
            here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                ray.get_runtime_context().get_node_id(), soft=False
            )
            self._events = ray.remote(_Events).options(num_cpus=0, scheduling_strategy=here).remote()
        named = dict(self.resources)
        environment = thread_variables(max(1, int(named["CPU"])))
        if "GPU" not in named:
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        options = {"num_cpus": named.pop("CPU"), "num_gpus": named.pop("GPU", 0), "max_restarts": 0}
        if "memory" in named:
            options["memory"] = named.pop("memory")
        actor = ray.remote(_Actor).options(**options, resources=named, runtime_env={"env_vars": environment})
        return _RemoteActor(ray, actor.remote(), self._events, self._functions)

    def _wait(self, busy: Sequence[Any], seconds: float) -> Iterator[tuple[Worker, Message]]:
        ray, by_result = self._ray, {worker.result: worker for worker in busy}
        ready, _ = ray.wait(list(by_result), num_returns=1, timeout=seconds, fetch_local=False)
        by_name = {worker.name: worker for worker in busy}
        for name, event in ray.get(self._events.taken.remote()):
            if name in by_name:
                yield by_name[name], event
        for result in ready:
            try:
                message = ray.get(result)
            except (ray.exceptions.RayActorError, ray.exceptions.RayTaskError, ray.exceptions.ObjectLostError) as error:
                message = Died(f"its Ray actor was lost ({_first_line(error)})")
            yield by_result[result], message


class _RemoteActor(Worker):
    """An actor as the process that waits sees it.

    Args:
        ray: the module.
        actor: its handle.
        events: the handle of the actor that keeps events.
        functions: references to those that the object store holds, by digest.
    """

    def __init__(self, ray: Any, actor: Any, events: Any, functions: dict[bytes, Any]):
        self._ray, self._actor, self._events, self._functions = ray, actor, events, functions
        self._ready = actor.ready.remote()
        self._began: float | None = None
        self.name = actor._actor_id.hex()
        self.result: Any = None

    @property
    def seconds(self) -> float:
        """Since it began with its item, for which an actor waits until the cluster has room."""
        if self._began is None and self._ray.wait([self._ready], timeout=0)[0]:
            self._began = time.monotonic()
        return 0.0 if self._began is None else time.monotonic() - self._began

    def work(self, function: SentFunction, item: Any) -> Died | None:
        """See `Worker`."""
        if function.digest not in self._functions:
            self._functions[function.digest] = self._ray.put(function.pickled)
        if self._began is not None:
            self._began = time.monotonic()
        reference = self._functions[function.digest]
        # in a list it is a reference and not its object: an actor that knows the function fetches nothing
        self.result = self._actor.work.remote(self._events, self.name, function.digest, [reference], pickle.dumps(item))
        return None

    def kill(self) -> None:
        """See `Worker`."""
        self._ray.kill(self._actor)


class _Actor:
    """What a Ray actor runs."""

    def __init__(self):
        self._functions: dict[bytes, Any] = {}

    def ready(self) -> bool:
        """Answers as soon as the actor has its place."""
        return True

    def work(self, events, name: str, digest: bytes, reference: list, item: bytes) -> Finished:
        """The result of an item."""
        if digest not in self._functions:
            ray = importlib.import_module("ray")
            self._functions[digest] = learnt(ray.get(reference[0]), lambda event: events.add.remote(name, event))
        return finished(self._functions[digest], item)


class _Events:
    """An actor that keeps the events of workers until the process that waits takes them."""

    def __init__(self):
        self._kept: list[tuple[str, Event]] = []

    def add(self, name: str, event: Event) -> None:
        """Keeps an event of the worker of a name."""
        self._kept.append((name, event))

    def taken(self) -> list[tuple[str, Event]]:
        """Those since the last call."""
        kept, self._kept = self._kept, []
        return kept


class _Silent(io.TextIOBase):
    """Standard error whose text nobody reads. Ray wants the number of its file, for what a crash would write there."""

    def write(self, text: str) -> int:
        return len(text)

    def fileno(self) -> int:
        if sys.__stderr__ is None:
            raise io.UnsupportedOperation("there is no standard error")
        return sys.__stderr__.fileno()


def _connected(address: str | None) -> Any:
    """The module, connected to a cluster. Raises InputError."""
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise InputError(f"Ray is not installed ({error}); pip install 'nao_tf[ray]'") from error
    importlib.import_module("ray.util.scheduling_strategies")
    if ray.is_initialized():
        return ray
    address = address or os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"include_dashboard": False} if address is None else {"address": address}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # we say ourselves what an actor without GPU sees
    try:
        with contextlib.redirect_stderr(_Silent()):
            ray.init(log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise InputError(f"no Ray cluster at {address or 'this machine'}: {_first_line(error)}") from error
    return ray


def _room(nodes: Sequence[Mapping[str, float]], resources: Mapping[str, float]) -> int:
    """How many actors fit at once: each needs its resources on one machine; of those that need none, one a CPU."""
    if not any(amount > 0 for amount in resources.values()):
        resources = {"CPU": 1.0}
    fits = (
        min(int(node.get(name, 0.0) / amount + 1e-9) for name, amount in resources.items() if amount > 0)
        for node in nodes
    )
    return sum(fits)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
