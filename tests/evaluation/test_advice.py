"""What the page says when training goes wrong; each remedy must be a real change."""

import numpy as np

from mnist_core import PRESETS, Experiment
from mnist_core.evaluation.advice import advise, how_to_read, smoothing_floor
from mnist_core.experiment.shapes import MAX_LAYERS


def flat(value: float, count: int = 200) -> np.ndarray:
    return np.full(count, value, np.float32)


def test_a_good_run_gets_no_advice() -> None:
    falling = np.linspace(2.3, 0.1, 300, dtype=np.float32)
    assert advise(PRESETS["cnn"], falling, 1 - falling / 2.4, [0.3, 0.2, 0.1]) is None
    assert advise(PRESETS["cnn"], flat(2.3, 20), flat(0.1, 20), []) is None


def test_curves_that_differ_by_design_are_explained() -> None:
    assert how_to_read(PRESETS["two-layer"]) == ""
    assert "Dropout is active only during training" in how_to_read(PRESETS["cnn"])
    assert "above 0.50; validation is without it." in how_to_read(PRESETS["fast-99"])
    said = how_to_read(PRESETS["best"])
    assert "Augmentation is active only during training, so" in said


def test_the_floor_of_the_smoothed_loss_is_what_a_perfect_network_reaches() -> None:
    wanted = np.full(10, 0.01)
    wanted[3] += 0.9
    assert np.isclose(smoothing_floor(0.1, 10), -np.sum(wanted * np.log(wanted)))
    nearby = np.random.default_rng(0).dirichlet(50 * wanted, 100)
    assert (-np.log(nearby) @ wanted > smoothing_floor(0.1, 10)).all()


def test_divergence_lowers_the_learning_rate() -> None:
    for loss in (flat(np.nan), flat(50.0)):
        advice = advise(PRESETS["too-fast"], loss, flat(0.1), [])
        assert advice is not None and "learning rate" in advice.remedy
        assert advice.experiment.training.learning_rate <= 0.1
        assert advice.experiment.network == PRESETS["too-fast"].network


def test_what_counts_as_guessing_depends_on_the_loss() -> None:
    squared = Experiment.from_query("preset=two-layer&loss=mean_squared_error")
    assert advise(squared, flat(0.09), flat(0.5), []) is None
    advice = advise(squared, flat(0.19), flat(0.1), [])
    assert advice is not None and "far above the 0.09" in advice.finding


def test_zeros_are_replaced_everywhere() -> None:
    advice = advise(PRESETS["zeros"], flat(2.3), flat(0.11), [])
    assert advice is not None and "zeros" not in advice.experiment.to_json()


def test_sigmoids_become_relu_with_he() -> None:
    advice = advise(PRESETS["ten-sigmoids"], flat(2.3), flat(0.11), [])
    assert advice is not None and "sigmoid" not in advice.experiment.to_json()
    assert advice.experiment.to_json().count("he_normal") == 10


def test_dead_units_are_named() -> None:
    advice = advise(PRESETS["deep"], flat(0.5), flat(0.8), [], dead_units=0.7)
    assert advice is not None and "70%" in advice.finding.replace(" ", "")


def test_overfitting_offers_one_remedy_after_another() -> None:
    rising = [0.3, 0.2, 0.25, 0.3, 0.35]
    experiment, remedies = PRESETS["overfit"], []
    for _ in range(4):
        advice = advise(experiment, flat(0.01), flat(1.0), rising)
        assert advice is not None and "epoch 2" in advice.finding
        assert advice.experiment != experiment
        assert Experiment.from_query(advice.experiment.to_query()) == advice.experiment
        experiment = advice.experiment
        remedies.append(advice.remedy)
    assert len(set(remedies)) == 4


def test_what_an_experiment_may_not_be_is_not_advised() -> None:
    slow = Experiment.from_query("preset=two-layer&learning_rate=0.000005")
    for loss in (flat(np.nan), flat(50.0)):
        assert advise(slow, loss, flat(0.1), []) is None
    assert advise(slow, flat(0.5), flat(0.8), [], dead_units=0.7) is None
    rising = [0.3, 0.2, 0.25, 0.3, 0.35]
    advice = advise(slow, flat(0.01), flat(1.0), rising, dead_units=0.7)
    assert advice is not None and "overfits" in advice.finding


def test_a_network_with_no_room_for_dropout_gets_the_next_remedy() -> None:
    layers = ";".join(["flatten", *["dense(units:8)"] * (MAX_LAYERS - 1)])
    full = Experiment.from_query(f"layers={layers}&augment_shift=2")
    advice = advise(full, flat(0.01), flat(1.0), [0.3, 0.2, 0.25, 0.3, 0.35])
    assert advice is not None and advice.remedy == "Stop after two epochs without improvement"
    assert advice.experiment.training.patience == 2
