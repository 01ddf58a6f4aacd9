"""The process that trains when no cluster is named: started, started again when it dies, ended."""

from __future__ import annotations

import contextlib
import logging
import math
import subprocess
import sys

import psutil
from distributed.security import Security

from mnist_core.base import child_process, environments, logs
from mnist_core.base.child_process import ChildProcess, ForkedProcess
from mnist_core.base.environments import training_environment
from mnist_core.engine import certificates, worker
from mnist_core.visitors import limits

log = logging.getLogger(__name__)

# A process that ends so often in a row without a word cannot train at all.
MAX_DEATHS = 5
# A process that trains grows by 4 to 8 MB with each new network, whatever is let go: one that holds
# more than this gives way to a fresh one when it has nothing to do. After `cnn` it holds about as
# much.
MOST_BYTES = 400_000_000
# Some networks take more than that from their first run on: what counts then is what came since.
GROWTH_BYTES = 150_000_000
STANDARD_ERROR = 2


class LocalWorker:
    """One Dask worker in a process of its own, which ends with the process that made it.

    One thread at a time: whoever has it holds a lock. Any may call `heard` and the properties.
    """

    def __init__(self, scheduler: str, security: Security, warm: bool) -> None:
        """Start it for the scheduler at this address; `warm`: it loads TensorFlow ahead of runs.

        `security` holds the certificate without which scheduler and worker hear nobody.

        Not through Dask's Nanny: that uses multiprocessing, which would run Streamlit's main
        script again in the new process.
        """
        self._scheduler, self._security, self._warm = scheduler, security, warm
        self._share_operations = False
        self._heard, self._deaths = False, 0
        self._least_bytes = math.inf  # that it has held after a run
        self._process = self._start()

    @property
    def pid(self) -> int | None:
        """The process's id; None while it is about to start."""
        return self._process.pid

    def heard(self) -> None:
        """It has told something: it can train."""
        self._heard = True

    def revive(self) -> int | None:
        """Start it again when it has died.

        Returns the exit code when it has died `MAX_DEATHS` times in a row without a word, else
        None.
        """
        code = self._process.poll()
        if code is None:
            return None
        log.warning("the training process ended with %s", code)
        self._let_go()
        self._process = self._start()
        self._deaths = 0 if self._heard else self._deaths + 1
        self._heard = False
        if self._deaths < MAX_DEATHS:
            return None
        self._deaths = 0
        return code

    @property
    def starts_quickly(self) -> bool:
        """True when another one is there in a tenth of a second."""
        return isinstance(self._process, ForkedProcess)

    def has_grown_large(self) -> bool:
        """True when it holds more than `MOST_BYTES` and has grown by `GROWTH_BYTES`.

        To be asked between its runs.
        """
        # One that has told nothing is new: another one would not be smaller.
        if not self._heard:
            return False
        held = self._own_bytes()
        self._least_bytes = min(self._least_bytes, held)
        return held > MOST_BYTES and held - self._least_bytes > GROWTH_BYTES

    def suits(self, share_operations: bool) -> bool:
        """True when its threads share operations as wanted, or another one's would not either."""
        alike = self._share_operations == share_operations
        return alike or not 1 < environments.training_threads() <= environments.MOST_PARTS

    def renew(self, awaited: bool, share_operations: bool = False) -> None:
        """Put a fresh process in its place.

        `awaited`: for a run, so it compiles nothing ahead. `share_operations`: its threads share
        each operation, else they compute parts of a batch.
        """
        log.info("the training process gives way to a fresh one")
        self.close()
        self._share_operations = share_operations
        self._process = self._start(awaited)
        self._heard = False

    def _own_bytes(self) -> int:
        """The memory that it has asked for; the programs it runs, mapped from files, left out."""
        if (pid := self.pid) is None:
            return 0
        try:
            memory = psutil.Process(pid).memory_info()
        except psutil.Error:
            return 0
        return int(memory.rss - getattr(memory, "shared", 0))

    def kill(self) -> None:
        """End it; `revive` starts another one."""
        self._process.kill()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # what it was told last has not reached it
                self._process.stdin.close()

    def _start(self, awaited: bool = False) -> ChildProcess:
        self._least_bytes = math.inf
        process = child_process.start(
            "mnist_core.engine.worker_main",
            environment=self._environment(awaited),
            # The worker's log, and nothing else, goes where ours does.
            stdout=subprocess.DEVNULL if sys.stderr is None else STANDARD_ERROR,
            stderr=None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has died already, as `revive` will find
            process.stdin.write(
                f"{self._scheduler}\n{certificates.to_json(self._security)}\n".encode()
            )
            process.stdin.flush()
        return process

    def _environment(self, awaited: bool) -> dict[str, str]:
        """The variables that computing needs; passwords, keys and other settings stay here."""
        return training_environment(logs.SETTING, environments.THREADS) | {
            worker.EXIT_WITH_PARENT: "1",
            worker.WARM: _warm_word(awaited) if self._warm else "0",
            worker.SHARE_OPERATIONS: str(int(self._share_operations)),
        }


def _warm_word(awaited: bool) -> str:
    """The extent to which the worker prepares itself: a shared server expects a class."""
    return worker.COMPILE if limits.current().public and not awaited else "1"
