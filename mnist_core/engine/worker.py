"""The training process's side: runs an experiment, sends its events, takes commands.

Loaded into a Dask worker by `--preload mnist_core.engine.worker`. Only `train_runs` does work; it
imports TensorFlow, the rest of this module does not.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypedDict

from distributed import Event as SharedFlag
from distributed import get_worker

from mnist_core.base import environments, logs
from mnist_core.base.allocator import give_back
from mnist_core.base.errors import first_line
from mnist_core.base.tensorflow_compat import UNUSED_IN_COMPUTING, load_keras, set_aside
from mnist_core.engine import dataset_transfer
from mnist_core.engine.dask_compat import bear_clock_changes, is_cancelled
from mnist_core.experiment import changes
from mnist_core.experiment.spec import Experiment
from mnist_core.training.control import Control
from mnist_core.training.events import Event, Failed, Resume, to_message, unpack_arrays

log = logging.getLogger(__name__)

TRAIN = "mnist_core.training.loop:train"
# The kind of the message, not an event, that says that a worker has taken a run up.
TAKEN = "taken"
EXIT_WITH_PARENT = "MNIST_LAB_EXIT_WITH_PARENT"
# "0": do not load TensorFlow ahead of the first run; "compile": also compile what classes train.
WARM = "MNIST_LAB_WARM"
COMPILE = "compile"
# "1": threads share each operation, however few there are.
SHARE_OPERATIONS = "MNIST_LAB_SHARE_OPERATIONS"
# The preset that a class begins with. XLA compiles for a number of images: it takes all of them.
COMMON = "two-layer"
# Below the app's own process, so that pages stay quick while a network trains.
NICENESS = 10
# How soon a run ends that nobody waits for any more.
WATCH_SECONDS = 1.0

_controls: dict[str, Control] = {}
# Two threads must not import TensorFlow at once.
_importing = threading.Lock()


class TrainedElsewhere(RuntimeError):
    """This attempt was begun before, on a worker that is gone: it must not train twice."""


class Order(TypedDict):
    """A run that is to be trained.

    `attempt` names this try of it, `experiment` and `changes`, those made earlier in this run, are
    JSON, `resume` holds what `Resume` does, its weights packed; `commands` were given before the
    start.
    """

    run_id: str
    attempt: str
    experiment: str
    changes: str
    resume: dict[str, Any] | None
    commands: list[dict[str, Any]]


def train_runs(orders: Sequence[Order], topic: str, trainer: str = TRAIN) -> None:
    """Train runs, one after the other, as one Dask task; runs in a worker's thread.

    `trainer` names a function with the signature of `mnist_core.training.loop.train`.
    """
    key = orders[0]["attempt"]
    try:
        for number, order in enumerate(orders):
            if number and is_cancelled(get_worker(), key):
                return
            _train_run(order, key, topic, trainer)
    finally:
        _release_memory()


def _train_run(order: Order, key: str, topic: str, trainer: str) -> None:
    """Train one run and send each event to `topic`."""
    run_id, attempt = order["run_id"], order["attempt"]
    _claim(attempt)
    control = _controls[run_id] = Control()
    for command in order["commands"]:
        control.send(**command)
    tell = _teller(run_id, attempt, topic)
    tell({"kind": TAKEN})

    def send(event: Event) -> None:
        tell(to_message(event))

    over = _stop_when_cancelled(key, control)
    try:
        experiment = Experiment.from_json(order["experiment"])
        with _importing:
            train = _function(trainer)
        dataset = dataset_transfer.dataset_for(experiment, tell, control)
        given: dict[str, Any] = {} if dataset is None else {"dataset": dataset}
        if made := changes.from_json(order["changes"]):
            given["changes"] = made
        with logs.about(run=run_id):
            resume = _resume(order["resume"])
            for event in train(experiment, **given, control=control, resume=resume):
                send(event)
    except dataset_transfer.NotWanted:
        log.info("the run was stopped before it began", extra={"run": run_id})
    except Exception as error:
        # The person gets a sentence, the log the details.
        log.exception("training could not go on", extra={"run": run_id})
        send(Failed(0, 0, _why(error)))
    finally:
        over.set()
        if _controls.get(run_id) is control:
            del _controls[run_id]
        SharedFlag(attempt).clear()


def receive_images(digest: str, content: bytes | str) -> None:
    """Take in the data set that a run here has asked for, or why there is none."""
    dataset_transfer.receive(digest, content)


def receive(run_id: str, command: dict[str, Any]) -> bool:
    """Pass a command to the run's training loop; False when that run is not training here."""
    control = _controls.get(run_id)
    if control is None:
        return False
    control.send(**command)
    return True


def _claim(attempt: str) -> None:
    """Dask runs a lost worker's task again; a run that a person watches must not start over."""
    flag = SharedFlag(attempt)
    if flag.is_set():
        raise TrainedElsewhere(attempt)
    flag.set()


def _teller(run_id: str, attempt: str, topic: str) -> Callable[[dict[str, Any]], None]:
    worker = get_worker()
    about = {"run": run_id, "attempt": attempt, "worker": worker.address}

    def tell(message: dict[str, Any]) -> None:
        worker.log_event(topic, message | about)

    return tell


def _stop_when_cancelled(key: str, control: Control) -> threading.Event:
    """Dask cannot end a thread: a task that was cancelled, or whose server died, stops itself.

    Watches until the returned event is set.
    """
    worker, over = get_worker(), threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            if is_cancelled(worker, key):
                control.send(stop=True, pause=False)

    threading.Thread(target=watch, name="watch", daemon=True).start()
    return over


def _resume(packed: dict[str, Any] | None) -> Resume | None:
    if packed is None:
        return None
    return Resume(
        packed["step"],
        unpack_arrays(packed["weights"]),
        packed["checkpoint"],
        packed["seconds"],
        tuple(packed["val_losses"]),
        tuple(packed["kept"]),
        *unpack_arrays(packed["metrics"]),
    )


def _function(path: str) -> Callable[..., Iterator[Event]]:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _why(error: Exception) -> str:
    """The error that ended a run, for the person. TensorFlow, not loaded here, has its own."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return (
            "The training process ran out of memory. Its curve is kept; use a smaller batch or a "
            "smaller network."
        )
    return f"Training could not continue: {first_line(error)}"


def _release_memory() -> None:
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    gc.collect()
    give_back()


def dask_setup(_worker: Any) -> None:
    """Called by Dask when the worker process starts."""
    bear_clock_changes()
    below_server = os.environ.get(EXIT_WITH_PARENT) == "1"
    # A server's own worker has standard output for the log; Dask and TensorFlow use the other.
    logs.configure(sys.stdout if below_server else None)
    if below_server:
        threading.Thread(target=_exit_with_parent, daemon=True).start()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    if os.environ.get(WARM) != "0":
        threading.Thread(target=_load_tensorflow, daemon=True).start()


def _exit_with_parent() -> None:
    """The parent holds the other end of standard input and never writes: its end is its death."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    os._exit(0)


def _load_tensorflow() -> None:
    """Load it before the first run asks for it; it takes seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _importing:
        with _logged("setting the number of threads"):
            load_keras(without=UNUSED_IN_COMPUTING)
            threads = import_module("mnist_core.training.threads")
            share = os.environ.get(SHARE_OPERATIONS) == "1"
            threads.use_threads(environments.training_threads(), share)
        with _logged("loading ahead of the first run"):
            import_module("mnist_core.training.train_step")
            import_module("mnist_core.data.mnist").load()
        set_aside()  # else the collection after each run takes 0.2 s, before the next one begins
    if os.environ.get(WARM) == COMPILE:
        _compile_ahead()


@contextlib.contextmanager
def _logged(doing: str) -> Iterator[None]:
    """Log an error and go on: a run that needs what is missing says so itself."""
    try:
        yield
    except Exception:
        log.exception("%s failed", doing)


def _compile_ahead() -> None:
    """Train an epoch of the common preset for nobody: what it compiles waits for the first run."""
    from mnist_core.experiment.presets import PRESETS

    preset = PRESETS[COMMON]
    training = preset.training.model_copy(update={"epochs": 1})
    began = time.monotonic()
    try:
        for _event in _function(TRAIN)(preset.model_copy(update={"training": training})):
            if _controls:
                return  # somebody waits for their own
    except Exception:
        log.exception("nothing is compiled ahead")
    else:
        log.info("%s is compiled after %.1f seconds", COMMON, time.monotonic() - began)
