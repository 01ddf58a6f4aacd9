"""The tab Studies by Streamlit's AppTest: compose, start, look at, stop and open trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.base.once import once
from mnist_core.engine.engine import Engine
from mnist_core.engine.run_duration import Estimate
from mnist_core.experiment import search_space
from mnist_core.experiment.grid_order import SEED
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.studies.optuna_adapter import Trial
from mnist_core.studies.records import Study
from mnist_core.studies.runner import StudyRunner
from pages.session.explore_tabs import ONE_SETTING, SEARCH, TWO_SETTINGS
from pages.views.explore import studies, studies_compare_charts, studies_form
from pages.views.explore.studies_live import seconds_left
from pages.widgets.clock import clock
from tests.support.runs import wait
from tests.support.studies import BASE, RATE, SLOW, TRIALS, UNITS, study
from tests.support.train_page import plain_again

RUNNERS: list[StudyRunner] = []
SEEDS = next(knob for knob in search_space.knobs(BASE) if knob.path == SEED)


def tab() -> None:
    from pages.views.explore.studies import view

    view()


@pytest.fixture(autouse=True)
def fake_training(home, monkeypatch) -> Iterator[None]:
    """The page's own store and engine, but training that needs no TensorFlow."""
    import pages.session.services as services
    import pages.views.explore.studies as page

    def runner() -> StudyRunner:
        RUNNERS.append(StudyRunner(services.shared_engine()))
        return RUNNERS[-1]

    st.cache_resource.clear()
    monkeypatch.setattr(services, "Engine", lambda store: Engine(store, trainer=TRIALS))
    monkeypatch.setattr(page, "get_runner", once(runner))
    yield
    for opened in RUNNERS:
        opened.close()
        opened.engine.close()
    RUNNERS.clear()
    st.cache_resource.clear()


def open_tab(kind: str = SEARCH) -> AppTest:
    app = AppTest.from_function(tab, default_timeout=60)
    app.session_state["study_kind"] = kind
    app.run()
    assert not app.exception, app.exception
    return app


def store() -> Store:
    return RUNNERS[-1].store


def newest() -> Study:
    return records.studies(store(), None)[0]


def of(items, key: str):
    return next(item for item in items if item.key == key)


def press(app: AppTest, key: str) -> None:
    of(app.button, key).click().run()
    assert not app.exception, app.exception


def errors(app: AppTest) -> str:
    return plain_again("\n".join(item.value for item in app.error))


def said(app: AppTest) -> str:
    return "\n".join(item.value for item in app.markdown)


def finish(app: AppTest) -> None:
    wait(lambda: not newest().active, "the study's end")
    app.run()
    assert not app.exception, app.exception


def test_the_first_study_needs_one_press_and_shows_every_figure() -> None:
    app = open_tab()
    of(app.number_input, "study_trials").set_value(8)
    press(app, "start_study")
    finish(app)
    assert "**finished**" in said(app) and "8 of 8 trials" in said(app)
    assert "Best: validation accuracy" in said(app)
    table = app.dataframe[0].value
    assert list(table["Trial"]) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert {"learning rate", "layer 2 units", "validation accuracy"} <= set(table)
    assert any("**Trial" in item.value and "finished" in item.value for item in app.markdown)
    for name in ("Curves", "Parallel", "Contour", "Slices", "Importance"):
        of(app.button_group, "study_chart").set_value(name).run()
        assert not app.exception and not app.error and not app.info, name


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("study_trials", 0, "Trials is 0; choose a whole number from 1 to"),
        ("study_epochs", 9999, "Epochs is 9999; choose a whole number from 1 to 200."),
        ("study_images", 7, "Training images is 7; choose a whole number from 100 to 60,000"),
        ("study_minutes", 0.0, "Minutes is 0.0; choose a number from 0.1 to 10,000"),
        ("study_high-training.learning_rate", 5000.0, "choose a range within"),
    ],
)
def test_a_number_out_of_its_range_is_a_sentence(key: str, value: float, sentence: str) -> None:
    app = open_tab()
    first = of(app.number_input, key).value
    of(app.number_input, key).set_value(value).run()
    assert sentence in errors(app) and of(app.button, "start_study").disabled
    of(app.number_input, key).set_value(first).run()
    assert not errors(app) and not of(app.button, "start_study").disabled


def test_a_deleted_study_comes_back_with_its_trials() -> None:
    app = open_tab()
    of(app.number_input, "study_trials").set_value(3).run()
    press(app, "start_study")
    finish(app)
    before, status = newest(), said(app)
    press(app, "delete_study")
    assert records.studies(store(), None) == [] and len(store().runs()) == 3
    assert any(item.key == "start_study" for item in app.button), "No first screen"
    press(app, "bring_study_back")
    assert newest() == before and said(app) == status
    assert not any(item.key == "bring_study_back" for item in app.button)


def test_all_mistakes_are_said_at_once_in_the_units_of_the_form() -> None:
    app = open_tab()
    shown = len(app.number_input)
    of(app.multiselect, "study_objectives").set_value(["time"]).run()
    of(app.number_input, "study_target").set_value(99.95).run()
    of(app.number_input, "study_images").set_value(7).run()
    of(app.number_input, "study_trials").set_value(0).run()
    said = errors(app)
    assert "Target accuracy is 99.95%; choose a number from 50 to 99.9." in said
    assert "Training images is 7" in said and "Trials is 0" in said
    assert len(app.number_input) == shown + 1, "A mistake took fields away"
    of(app.number_input, "study_images").set_value(None).run()
    of(app.number_input, "study_target").set_value(99.9).run()
    of(app.number_input, "study_trials").set_value(3).run()
    assert not errors(app) and not of(app.button, "start_study").disabled
    of(app.multiselect, "study_objectives").set_value([]).run()
    assert errors(app).strip() == "Choose one or two objectives."


def test_two_objectives_show_a_front_and_no_pruner() -> None:
    app = open_tab()
    of(app.multiselect, "study_objectives").set_value(["accuracy", "parameters"])
    of(app.number_input, "study_trials").set_value(5)
    app.run()
    assert of(app.selectbox, "study_pruner").disabled
    assert any("single objective" in item.value for item in app.caption)
    press(app, "start_study")
    finish(app)
    assert newest().spec.objectives == ("accuracy", "parameters")
    assert "on the Pareto front" in said(app)
    assert of(app.button_group, "study_chart").value == "Pareto front"


def test_mistakes_are_sentences_and_hold_the_study_back() -> None:
    app = open_tab()
    of(app.number_input, "study_low-training.learning_rate").set_value(0.5).run()
    assert "Learning rate: the range from 0.5 to 0.1 is empty" in errors(app)
    assert of(app.button, "start_study").disabled
    of(app.number_input, "study_low-training.learning_rate").set_value(0.001).run()
    of(app.number_input, "study_epochs").set_value(1).run()
    of(app.selectbox, "study_pruner").set_value("median").run()
    assert "trials need at least two epochs" in errors(app)
    of(app.multiselect, "study_vary").set_value([]).run()
    assert "Choose at least one setting to vary" in errors(app)
    of(app.selectbox, "study_base").set_value("preset cnn").run()
    assert not app.exception


def test_a_grid_of_choices_can_be_composed() -> None:
    app = open_tab()
    of(app.selectbox, "study_sampler").set_value("grid")
    of(app.multiselect, "study_vary").set_value(["training.optimizer", "training.learning_rate"])
    app.run()
    of(app.multiselect, "study_options-training.optimizer").set_value(["adam", "sgd"])
    of(app.number_input, "study_points-training.learning_rate").set_value(3).run()
    assert any("2 × 3 values × 1 seed: 6 trainings" in item.value for item in app.caption)
    press(app, "start_study")
    finish(app)
    tried = app.dataframe[0].value
    assert len({*zip(tried["optimiser"], tried["learning rate"], strict=True)}) == 6


def test_stop_resume_and_more_trials() -> None:
    app = open_tab()
    runner = RUNNERS[-1]
    slow = runner.start(study(base=SLOW, trials=2))
    app.run()
    wait(lambda: store().runs() and store().runs()[0].step, "training")
    press(app, "stop_study")
    finish(app)
    assert "**stopped**" in said(app)
    press(app, "resume_study")
    finish(app)
    assert "2 of 2 trials" in said(app)
    of(app.number_input, "study_more").set_value(1).run()
    press(app, "add_trials")
    finish(app)
    assert "3 of 3 trials" in said(app) and newest().id == slow


def test_a_cluster_without_workers_is_said(monkeypatch) -> None:
    app = open_tab()
    runner = RUNNERS[-1]
    runner.start(study(base=SLOW, trials=200))
    wait(lambda: store().runs() and store().runs()[0].step, "training")
    assert not runner.engine.lacks_workers(), "one's own worker is no cluster"
    monkeypatch.setattr(runner.engine, "scheduler", "tcp://boss:8786")
    assert not runner.engine.lacks_workers()
    monkeypatch.setattr(runner.engine, "lacks_workers", lambda: True)
    app.run()
    assert any("has no worker, so trials wait" in item.value for item in app.warning)
    monkeypatch.undo()
    runner.stop(newest().id)
    finish(app)
    assert not any("no worker" in item.value for item in app.warning)


def test_the_time_left_follows_the_trials_not_the_resume() -> None:
    now = datetime.now(UTC)
    spec = study(trials=10)
    running = Study("id", "S", "local", spec, "running", "", "server", now, now, None)
    trial = Trial(0, "finished", {}, (0.9,), None, "", False, {}, seconds=4.0)
    ended = [trial, trial, replace(trial, seconds=900.0), trial]
    flying = [replace(trial, state="running", seconds=None)] * 2
    assert seconds_left(running, flying) is None
    assert seconds_left(running, ended + flying) == pytest.approx(6 * 4 / 2)
    short = replace(running, spec=study(trials=10, minutes=0.1))
    assert seconds_left(short, ended + flying) == pytest.approx(6, abs=1)


def test_names_are_only_text() -> None:
    app = open_tab()
    of(app.text_input, "study_name").set_value("<b>*mine*</b>").run()
    of(app.number_input, "study_trials").set_value(1)
    press(app, "start_study")
    finish(app)
    assert "<b>" not in said(app) and r"\<b\>\*mine\*" in said(app)


def settle(app: AppTest) -> None:
    """What clicking a dot or a cell leads to, once the study has ended."""
    finish(app)
    assert not app.error, errors(app)


def test_one_setting_is_compared_over_seeds_and_the_sentence_says_what_the_spread_allows() -> None:
    app = open_tab(ONE_SETTING)
    assert any("5 values × 3 seeds: 15 trainings" in item.value for item in app.caption)
    press(app, "start_study")
    settle(app)
    # The stand-in's results follow from the learning rate alone: nothing scatters.
    assert "0.01 against 0.001 is 10 points, but all seeds gave the same" in plain_again(said(app))
    captions = [plain_again(item.value) for item in app.caption]
    assert any("Welch’s t-test with Holm’s correction" in each for each in captions)
    found = newest()
    assert found.spec.sampler == "grid" and found.spec.most_trials == 15
    assert {run.experiment.training.seed for run in store().runs()} == {0, 1, 2}
    of(app.button_group, "study_compare_chart").set_value("Curves").run()
    assert not app.exception and not app.error
    assert [item.label for item in app.button if item.key == "trial_inside"] == ["Look inside"]


def test_two_settings_make_a_heat_map() -> None:
    app = open_tab(TWO_SETTINGS)
    of(app.multiselect, "study_values-training.learning_rate-0.001").set_value(["0.01", "0.001"])
    of(app.multiselect, "study_values-network.layers.1.units-128").set_value(["8", "16"])
    of(app.number_input, "study_seeds").set_value(1).run()
    assert any("2 × 2 values × 1 seed: 4 trainings" in item.value for item in app.caption)
    press(app, "start_study")
    settle(app)
    for name in ("Heat map", "Curves of all pairs"):
        of(app.button_group, "study_pair_chart").set_value(name).run()
        assert not app.exception and not app.error, name


def comparison(spec, trials, active=False) -> None:
    from pages.views.explore.studies_compare_charts import comparison_charts

    comparison_charts(spec, trials, lambda number: None, active)


def compared(results, active=False, **changes) -> str:
    """What is said of results by learning rate, None of one that failed."""
    seeds = max(len(each) for each in results.values())
    vary = [search_space.vary_over(RATE, list(results))]
    vary += [search_space.vary_over(SEEDS, range(seeds))]
    spec = study(vary=tuple(vary), sampler="grid", trials=100, **changes)
    trials = [
        Trial(10 * at + seed, "failed" if result is None else "finished",
              {"learning rate": rate, "seed": seed}, None if result is None else (result,),
              None, "", False, {})
        for at, (rate, each) in enumerate(results.items())
        for seed, result in enumerate(each)
    ]  # fmt: skip
    app = AppTest.from_function(comparison, args=(spec, trials, active), default_timeout=60)
    app.run()
    assert not app.exception, app.exception
    return plain_again("\n".join(item.value for item in [*app.markdown, *app.caption]))


GOOD, BETTER = (0.970, 0.972, 0.971), (0.9790, 0.9805, 0.9795)


def test_a_value_with_a_failed_seed_does_not_win() -> None:
    text = compared({0.001: GOOD, 0.01: BETTER, 0.5: (0.99, 0.991, None)})
    assert "0.01 beats 0.001 by 0.87 ± 0.21 points: more than chance." in text
    assert "Left out of the comparison: 0.5 (1 of 3 failed)." in text
    assert "1 comparison, 5% in all" in text
    text = compared({0.001: GOOD, 0.5: (None, None, None)})
    assert "Nothing to compare" in text and "0.5 (3 of 3 failed)" in text


def test_nothing_is_tested_before_the_end() -> None:
    text = compared({0.001: GOOD, 0.01: BETTER}, active=True)
    assert "tested at the end" in text and "beats" not in text and "Welch" not in text


def test_differences_are_written_to_be_read() -> None:
    times = {0.001: (400.0, 420.0, 410.0), 0.01: (280.0, 300.0, 290.0)}
    text = compared(times, objectives=("time",))
    assert "0.01 beats 0.001 by 120 ± 23 s" in text
    text = compared({0.001: (0.97, 0.98), 0.01: (0.972, 0.981)})
    assert "is 0.15 points, with too few seeds for an interval" in text


def test_seconds_to_a_target_have_a_target_and_errors_as_curves(monkeypatch) -> None:
    app = open_tab(ONE_SETTING)
    judged = of(app.selectbox, "study_judged_by")
    assert "parameters" not in judged.options
    judged.set_value("time").run()
    of(app.number_input, "study_target").set_value(9.0).run()
    assert "Target accuracy is 9%; choose a number from 50 to 99.9." in errors(app)
    of(app.number_input, "study_target").set_value(90.0)
    of(app.number_input, "study_seeds").set_value(2).run()
    press(app, "start_study")
    settle(app)
    text = plain_again(said(app))
    assert "Best: seconds to 90%" in text and "(mean of 2 seeds), learning rate **0.01**" in text
    assert "Nothing to compare" in text and "0.001 (2 of 2 failed)" in text
    spec = newest().spec
    assert (spec.target, spec.objectives) == (0.9, ("time",))
    shown = []
    monkeypatch.setattr(
        studies_compare_charts, "live_figure", lambda figure, *_, **__: shown.append(figure)
    )
    of(app.button_group, "study_compare_chart").set_value("Curves").run()
    assert not app.exception and not app.error
    axis = shown[-1].layout.yaxis
    assert (axis.title.text, axis.tickformat) == ("validation error", ".2~%")


def test_the_time_of_a_comparison_is_that_of_all_its_trainings(monkeypatch) -> None:
    """Not that of the experiment as often: trainings of 1 and of 39 epochs take 40 together."""

    class OneSecondAnEpoch:
        def __init__(self, *_) -> None: ...

        def expect(self, experiment) -> Estimate:
            return Estimate(0, experiment.training.epochs, 0)

    monkeypatch.setattr(studies, "Durations", OneSecondAnEpoch)
    monkeypatch.setattr(Store, "timed_runs", lambda self: ["a run"])
    app = open_tab(ONE_SETTING)
    of(app.selectbox, "study_setting_0").set_value("training.epochs").run()
    key = next(item.key for item in app.multiselect if "training.epochs" in item.key)
    app.session_state[key] = ["1", "39"]
    app.run()
    assert not errors(app) and not app.exception
    assert any(f"6 trainings, about {clock(120)} of training" in c.value for c in app.caption)


def test_the_curves_of_too_many_pairs_are_a_sentence() -> None:
    vary = (
        search_space.vary_over(RATE, [0.001 * at for at in range(1, 14)]),
        search_space.vary_over(UNITS, [8, 16, 24, 32, 40]),
    )
    spec = study(vary=vary, sampler="grid", trials=100)
    app = AppTest.from_function(comparison, args=(spec, []), default_timeout=60).run()
    app.button_group[0].set_value("Curves of all pairs").run()
    assert not app.exception
    assert "The curves of 65 pairs are too small to read" in app.info[0].value


def test_the_highest_seeds_and_too_many_values_are_no_traceback() -> None:
    with pytest.MonkeyPatch.context() as patch:
        high = BASE.model_copy(update={"training": BASE.training.model_copy(
            update={"seed": 999_998})})  # fmt: skip
        patch.setattr(studies_form, "known_experiments", lambda: {studies_form.FIRST: ("x", high)})
        app = open_tab(ONE_SETTING)
        assert not errors(app) and not of(app.button, "start_study").disabled
    app = open_tab(ONE_SETTING)
    rates = "study_values-training.learning_rate-0.001"
    app.session_state[rates] = [f"{0.001 * at:g}" for at in range(1, 52)]
    app.run()
    assert not app.exception
    assert "Learning rate: these are 51 values; choose at most 50." in errors(app)
    app.session_state[rates] = ["0.001", "1,000"]
    app.run()
    assert "Learning rate: “1,000” may be a thousand or one; write it like 1000" in errors(app)
    of(app.selectbox, "study_setting_0").set_value("training.training_images").run()
    key = next(item.key for item in app.multiselect if "training_images" in item.key)
    app.session_state[key] = ["1,000", "2000"]
    of(app.number_input, "study_seeds").set_value(1).run()
    assert not errors(app)
    press(app, "start_study")
    settle(app)
    assert newest().spec.vary[0].grid() == [1000, 2000]


def test_a_value_or_setting_that_cannot_be_compared_is_a_sentence() -> None:
    app = open_tab(ONE_SETTING)
    rates = "study_values-training.learning_rate-0.001"
    for values, sentence in (
        (["0.001"], "Learning rate: choose at least two different values."),
        (["0.001", "5000"], "Learning rate is 5000; choose values from 1e-06 to 1000."),
        (["0.001", "much"], "Learning rate: “much” is not a number; write it like 0.003."),
    ):
        app.session_state[rates] = values
        app.run()
        assert sentence in errors(app) and of(app.button, "start_study").disabled
    app.session_state[rates] = ["0.001", "0,01"]
    app.run()
    assert not errors(app) and not of(app.button, "start_study").disabled
    of(app.number_input, "study_seeds").set_value(0).run()
    assert "Seeds is 0; choose a whole number from 1 to 20." in errors(app)
    of(app.number_input, "study_seeds").set_value(3).run()
    of(app.selectbox, "study_setting_0").set_value("training.weight_decay").run()
    assert "does not fit this experiment. Weight decay works only with" in errors(app)


def test_one_seed_tells_nothing_and_the_page_says_so() -> None:
    app = open_tab(ONE_SETTING)
    of(app.number_input, "study_seeds").set_value(1).run()
    press(app, "start_study")
    settle(app)
    assert "One seed shows no spread" in said(app)


def test_a_trial_opened_in_train_leaves_a_way_back_to_what_was_composed(monkeypatch) -> None:
    app = open_tab()
    of(app.number_input, "study_trials").set_value(1).run()
    press(app, "start_study")
    finish(app)
    composed = SLOW.model_dump(mode="json")
    app.session_state["draft"] = composed
    monkeypatch.setattr(st, "switch_page", lambda page: None)
    press(app, "trial_train")
    assert app.session_state["draft"] != composed
    assert app.session_state["draft_before"] == [composed]


def test_a_study_that_is_deleted_elsewhere_is_a_sentence() -> None:
    app = open_tab(ONE_SETTING)
    of(app.number_input, "study_seeds").set_value(1).run()
    press(app, "start_study")
    settle(app)
    app.session_state["shown_study"] = newest().id
    gone = newest()

    def read(store, study_id):
        records.delete(store, study_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "get", read)
        app.run()
    assert not app.exception and "has been deleted" in errors(app)
    assert len(store().runs()) == gone.spec.most_trials, "the runs are kept"
