"""Small studies, and what has become of them."""

from __future__ import annotations

from mnist_core import Experiment
from mnist_core.experiment import search_space
from mnist_core.experiment.study import StudySpec
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.studies.optuna_adapter import Search, Trial
from mnist_core.studies.records import Study
from tests.support.runs import wait

TRIALS = "tests.support.fake_trials:train"
BASE = Experiment.from_query("preset=two-layer&epochs=3&training_images=1000")
SLOW = BASE.model_copy(update={"name": "slow"})
RATE = {knob.path: knob for knob in search_space.knobs(BASE)}["training.learning_rate"]
UNITS = {knob.path: knob for knob in search_space.knobs(BASE)}["network.layers.1.units"]


def study(**changes) -> StudySpec:
    values = {
        "base": BASE,
        "vary": (search_space.vary(RATE), search_space.vary(UNITS)),
        "trials": 4,
    }
    return StudySpec.parse(**(values | changes))


def ended(store: Store, study_id: str) -> Study:
    wait(lambda: not records.get(store, study_id).active, "the study's end")
    return records.get(store, study_id)


def trials(store: Store, study_id: str) -> list[Trial]:
    return Search(store, study_id, records.get(store, study_id).spec).trials()
