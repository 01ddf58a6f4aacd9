"""What a layer type and a schedule do that were added as the how-tos say.

`tests/test_how_to.py` runs this file in a copy of the repository that has them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from mnist_core import Experiment, keras_script, train
from mnist_core.base.paths import REPOSITORY
from mnist_core.experiment.search_space import knobs
from mnist_core.files.model_import.keras_config import KerasLayer
from mnist_core.files.model_import.keras_layers import take_layer
from mnist_core.files.model_import.stack import Stack
from mnist_core.inspection.activations import probe
from mnist_core.inspection.arithmetic import explain

LINK = (
    "layers=flatten;gaussian_noise(stddev:0.3);dense(units:8)"
    "&schedule=linear&epochs=1&training_images=200"
)


def editor() -> None:
    """A page with the layers of a draft, one of them the new one."""
    import streamlit as st

    from mnist_core import PRESETS
    from pages.editors import draft
    from pages.views.train.network_editor import layer_chips

    if "draft" not in st.session_state:
        st.session_state.draft = PRESETS["two-layer"].model_dump(mode="json")
        st.session_state.draft_version = 0
        draft.edit_layers(lambda layers: layers.insert(1, draft.new_layer("gaussian_noise")))
    layer_chips(())


def check() -> None:
    """Link, training, script, study, arithmetic, import of a Keras layer, editor."""
    assert Path(__file__).parent == REPOSITORY
    experiment = Experiment.from_query(LINK)
    assert Experiment.from_query(experiment.to_query()) == experiment

    events = list(train(experiment))
    rates = [event.learning_rate for event in events if event.kind == "steps"]
    assert events[-1].kind == "finished" and 0 < rates[-1] < 0.001

    script = keras_script(experiment)
    assert "keras.layers.GaussianNoise(stddev=0.3, seed=1)" in script
    assert "def linear(" in script and compile(script, "script", "exec")

    assert "network.layers.1.stddev" in [knob.path for knob in knobs(experiment)]

    network, weights = experiment.network, events[-1].model.get_weights()
    image = np.random.default_rng(0).random((28, 28), np.float32)
    outputs = [output[0] for output in probe(network).outputs(weights, image[None])]
    found = explain(network, "gaussian_noise_2", (40,), outputs, weights, image)
    assert found.value == outputs[1][40] == image.ravel()[40]

    stack = Stack.begin((28, 28, 1))
    layer = KerasLayer("GaussianNoise", ("noise",), "", {"stddev": 0.25})
    take_layer(stack, layer, lambda _: {})
    assert stack.layers == [{"kind": "gaussian_noise", "stddev": 0.25}]

    app = AppTest.from_function(editor, default_timeout=60).run()
    assert not app.exception, app.exception
    assert any(button.label == "Gaussian noise" for button in app.button)
    slider = next(item for item in app.slider if item.label == "Standard deviation")
    slider.set_value(0.45).run()
    edited = app.session_state.draft["network"]["layers"][1]
    assert edited == {"kind": "gaussian_noise", "stddev": 0.45}


if __name__ == "__main__":
    check()
