"""Uploaded files of the Files tab: what each is, read once, and what it still needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from mnist_core import PRESETS, ExperimentError
from mnist_core.base.allocator import give_back
from mnist_core.base.job_queue import QueueFull
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.experiment.shapes import CLASSES
from mnist_core.experiment.spec import MNIST, NetworkSpec, parse_network
from mnist_core.files import model_import, runfile
from mnist_core.files.model_import import WeightsAlone
from mnist_core.files.runfile import RunFile
from pages.session.data_sets import own_dataset, own_sets
from pages.session.services import get_store, jobs_in, owner
from pages.session.visitor import address
from pages.views.explore.files_held import hold, unpacking
from pages.widgets.background import CONVERSIONS
from pages.widgets.escape import escaped
from pages.widgets.progress_notes import measured

log = logging.getLogger(__name__)

DESCRIPTION = ".json"
# Runs whose networks are offered for weights without a description: the newest, trials last.
MOST_RUNS = 100


@dataclass(eq=False)
class Opened:
    """An uploaded file: its run, or the sentence that says why it is none, or neither yet.

    Of a run file the curves alone are held, `read` reads all of it again; `bytes` is what the whole
    run takes. `alone` is the refusal of a file that holds weights without their network; `place` is
    what the file's widgets are called by.
    """

    name: str
    place: str
    run: RunFile | None = None
    problem: str = ""
    note: str = ""
    poor: bool = False
    alone: WeightsAlone | None = None
    work: Future[tuple[RunFile, bool]] | None = None
    kept_as: str | None = None
    read: Callable[[], RunFile] | None = None
    bytes: int = 0

    def take(self, read: Callable[[], RunFile]) -> None:
        """Check a whole run file, and hold its curves: thirty with weights would be gigabytes.

        Raises FileRefused.
        """
        with unpacking:
            whole = read()
            run, size = whole.curves_alone(), whole.bytes
            del whole
            hold(run, _runs_held(), address())
            self.run, self.read, self.bytes = run, read, size
            give_back()

    def whole(self) -> RunFile:
        """The run with its weights. Raises FileRefused."""
        assert self.run is not None
        return self.run if self.read is None else self.read()

    def look(self) -> None:
        """Take over what the work in the background has found, when it is done."""
        if self.work is None or not self.work.done():
            return
        work, self.work = self.work, None
        try:
            run, poor = work.result()
            hold(run, _runs_held(), address())
        except WeightsAlone as error:
            self.alone = error
        except (FileRefused, mnist.DatasetError) as error:
            self.problem = str(error)
        except Exception as error:  # one file's error must not hide the others of a class
            self.problem = _unforeseen(error)
        else:
            self.run, self.note, self.poor, self.bytes = run, run.facts.note, poor, run.bytes


def read_once(uploads: Sequence[Any]) -> list[Opened]:
    """The state of each uploaded file; one that is new begins to be read.

    What was read of a file that is gone, or with another choice, is let go.
    """
    known: dict[str, Opened] = st.session_state.setdefault("opened_files", {})
    descriptions = [each for each in uploads if each.name.lower().endswith(DESCRIPTION)]
    # It says what the weights beside it belong to.
    shown = [each for each in uploads if each not in descriptions] or descriptions
    description = descriptions[0] if descriptions else None
    wanted = [(_place(upload, description), upload) for upload in shown]
    if gone := known.keys() - {place for place, _ in wanted}:
        for place in gone:
            if (work := known.pop(place).work) is not None:
                work.cancel()
        give_back()
    return [_opened(known, place, upload, description) for place, upload in wanted]


def _runs_held() -> list[RunFile]:
    """The runs that this session holds."""
    known: dict[str, Opened] = st.session_state.opened_files
    return [item.run for item in known.values() if item.run is not None]


def _place(upload: Any, description: Any) -> str:
    """What an upload's reading is kept by: the file, and all choices on which it depends."""
    if _is_run(upload):
        return upload.file_id
    described = "" if description is None else description.file_id
    network = _chosen().get(upload.file_id, "")
    return f"{upload.file_id} {_data_name()} {described} {network}"


def _is_run(upload: Any) -> bool:
    return upload.name.lower().endswith(runfile.SUFFIX)


def _data_name() -> str:
    """The data set that models are read for."""
    return st.session_state.get("open_data", MNIST)


def _opened(known: dict[str, Opened], place: str, upload: Any, description: Any) -> Opened:
    if place not in known:
        item = known[place] = Opened(upload.name, upload.file_id)
        try:
            if _is_run(upload):
                item.take(lambda: runfile.read(upload.getvalue()))
            else:
                text = None if description is None else description.getvalue()
                network = _chosen().get(upload.file_id)
                item.work = _submit(upload, _data_name(), text, network)
        except (FileRefused, mnist.DatasetError, QueueFull) as error:
            item.problem = str(error)
        except Exception as error:  # as above
            item.problem = _unforeseen(error)
    return known[place]


def _unforeseen(error: Exception) -> str:
    """The sentence for what nobody foresaw, which goes into the log."""
    if isinstance(error, MemoryError):
        return "It needs more memory than there is."
    log.error("a file could not be opened", exc_info=error)
    return "It is damaged in a way that was not foreseen, so that nothing of it can be read."


def _submit(
    upload: Any, data_name: str, description: bytes | None, network: str | None
) -> Future[tuple[RunFile, bool]]:
    images = mnist.load() if data_name == MNIST else own_dataset(data_name)
    chosen = None if network is None else st.session_state.open_networks_offered.get(network)
    read = partial(_read, upload.getvalue(), upload.name, images, data_name, description, chosen)
    return jobs_in(CONVERSIONS).submit(read)


@measured("model file")
def _read(
    data: bytes,
    name: str,
    images: mnist.Dataset,
    data_name: str,
    description: bytes | None,
    network: NetworkSpec | None,
) -> tuple[RunFile, bool]:
    model = model_import.import_model(data, name, images, network=network, description=description)
    return model_import.as_run(model, name, data_name), model.poor


def choose_network(item: Opened) -> None:
    """For weights alone: which network they belong to, of those that they fit."""
    assert item.alone is not None
    shapes = item.alone.shapes
    data_name = _data_name()
    classes = CLASSES if data_name == MNIST else len(own_sets()[data_name].classes)
    fitting = {
        name: network
        for name, network in _networks(shapes, classes).items()
        if model_import.fits(network, shapes)
    }
    st.session_state.setdefault("open_networks_offered", {}).update(fitting)
    st.warning(f"**{escaped(item.name)}**: {escaped(str(item.alone))}", icon=":material/help:")
    if not fitting:
        st.caption(
            "None of the presets, of your runs and of what stands on the page Train has this "
            "shape. Build the network there, then come back; or upload the file with its "
            "description (model.to_json()) beside the weights."
        )
        return
    key = f"open_network-{item.place}"
    st.selectbox(
        f"Network of {escaped(item.name)}",
        list(fitting),
        index=None,
        placeholder="Choose a network of this shape",
        key=key,
        on_change=lambda: _chosen().update({item.place: st.session_state[key]}),
    )


def _chosen() -> dict[str, str]:
    """The network that was chosen for a file of weights alone, by the file's id."""
    chosen: dict[str, str] = st.session_state.setdefault("open_networks", {})
    return chosen


def _networks(shapes: Sequence[tuple[int, ...]], classes: int) -> dict[str, NetworkSpec]:
    """Networks that weights of these shapes may belong to, by what they are called here."""
    found = model_import.likely_networks(shapes, classes)
    found |= {f"Preset {name}": preset.network for name, preset in PRESETS.items()}
    for run in get_store().runs(owner(), limit=MOST_RUNS, trials_last=True):
        found.setdefault(f"Run {run.name}", run.experiment.network)
    if "draft" in st.session_state:
        with suppress(ExperimentError):  # it may not hold together at the moment
            network = parse_network(st.session_state.draft["network"])
            found["The network on the page Train"] = network
    return found
