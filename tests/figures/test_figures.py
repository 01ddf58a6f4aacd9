import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from mnist_core.figures.curves import POINTS, RunCurves, accuracy_chart, loss_chart
from mnist_core.figures.live import LIVE_JS, live_data
from mnist_core.figures.template import DARK, DARK_GROUND, FOR_DARK, LIGHT, LIGHT_GROUND
from tests.support.colours import contrast, linear, oklab


def curves(n=500, name="A run", epochs=5, **changes):
    generator = np.random.default_rng(0)
    step = np.arange(1, n + 1)
    ends = [int(end) for end in np.linspace(n / epochs, n, epochs)] if n else []
    values = {
        "name": name,
        "step": step,
        "loss": (2.3 * np.exp(-step / max(n, 1)) + 0.1 * generator.random(n)).astype(np.float32),
        "accuracy": (generator.integers(32, 65, n) / 64).astype(np.float32),
        "epoch_steps": ends,
        "val_loss": [0.5 / (i + 1) for i in range(len(ends))],
        "val_accuracy": [0.9 + 0.01 * i for i in range(len(ends))],
    }
    return RunCurves(**{**values, **changes})


def trace(figure, ending):
    return next(trace for trace in figure.data if (trace.uid or "").endswith(ending))


@pytest.mark.parametrize("chart", [loss_chart, accuracy_chart])
@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.9])
@pytest.mark.parametrize("runs", [0, 1, 7])
def test_light_at_a_hundred_thousand_steps(chart, log_y, smoothing, runs):
    figure = chart([curves(100_000) for _ in range(runs)], log_y=log_y, smoothing=smoothing)
    assert len(figure.to_json(validate=False)) <= 60_000
    assert all(len(trace.x) <= POINTS for trace in figure.data)


def test_the_curve_holds_the_recorded_values():
    run = curves(300)
    training = trace(loss_chart([run]), "-train")
    assert np.array_equal(training.x, run.step)
    assert np.array_equal(training.y, run.loss)
    assert "%{x:,}" in training.hovertemplate
    accuracy = trace(accuracy_chart([run]), "-train")
    assert np.array_equal(accuracy.y, run.accuracy)


def test_smoothing_keeps_the_exact_value_for_hover_and_the_raw_curve():
    run = curves(300)
    figure = loss_chart([run], smoothing=0.9)
    assert np.array_equal(trace(figure, "-raw").y, run.loss)
    smoothed = trace(figure, "-train")
    np.testing.assert_allclose(smoothed.customdata[:, 0], run.loss, rtol=1e-6)
    assert np.ptp(smoothed.y[100:]) < np.ptp(run.loss[100:])


def test_hover_tells_the_epoch():
    run = curves(100, epochs=5)
    training = trace(loss_chart([run]), "-train")
    epoch = dict(zip(training.x.tolist(), training.customdata[:, 1].tolist(), strict=True))
    assert [epoch[1], epoch[20], epoch[21], epoch[100]] == [1, 1, 2, 5]


def test_validation_is_told_apart_without_colour():
    figure = loss_chart([curves()])
    training, validation = trace(figure, "-train"), trace(figure, "-val")
    assert training.line.dash is None
    assert validation.line.dash
    assert "markers" in validation.mode
    assert training.line.color != validation.line.color
    several = loss_chart([curves(name=name) for name in "ab"])  # there a colour means a run
    assert trace(several, "0-train").line.color == trace(several, "0-val").line.color


def test_no_validation_and_missing_values():
    assert not [
        t
        for t in loss_chart([curves(val_loss=[], epoch_steps=[])]).data
        if t.x[0] is None and t.name.startswith("validation")
    ]
    run = curves(val_loss=[None, 0.4, None, 0.3, 0.2])
    assert trace(loss_chart([run]), "-val").y.tolist() == [0.4, 0.3, 0.2]


def test_runs_have_their_own_colour_and_mark():
    figure = loss_chart([curves(name=str(i)) for i in range(5)])
    trains = [t for t in figure.data if (t.uid or "").endswith("-train")]
    marks = [t for t in figure.data if (t.uid or "").endswith("-val")]
    assert len({t.line.color for t in trains}) == 5
    assert len({t.marker.symbol for t in marks}) == 5
    names = [t.name for t in figure.data if t.showlegend is not False]
    assert names == ["0", "1", "2", "3", "4", "training", "validation"]


def test_zoom_is_kept_until_another_view_is_chosen():
    first, later = (
        loss_chart([curves(10)], uirevision="r"),
        loss_chart([curves(90)], uirevision="r"),
    )
    assert first.layout.uirevision == later.layout.uirevision
    assert loss_chart([curves()], log_y=True).layout.uirevision != first.layout.uirevision
    assert loss_chart([curves()], uirevision="s").layout.uirevision != first.layout.uirevision
    for chart in (loss_chart, accuracy_chart):  # a new range would win over the reader's zoom
        for log_y in (False, True):
            layout = chart([curves()], log_y=log_y).layout
            assert layout.xaxis.range is None
            assert layout.yaxis.range is None


@pytest.mark.parametrize("log_y", [False, True])
def test_before_the_first_step_the_axes_are_there_and_the_frame_stays(log_y):
    for chart in (loss_chart, accuracy_chart):
        nothing, empty, full = (
            chart(runs, log_y=log_y) for runs in ([], [curves(0)], [curves(500)])
        )
        for figure in (nothing, empty):
            assert figure.layout.xaxis.range
            assert figure.layout.yaxis.range
            assert figure.layout.height == full.layout.height
            assert figure.layout.margin == full.layout.margin


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_divergence_is_said(broken):
    run = curves(200)
    loss = np.array(run.loss)
    loss[120:] = broken
    run = curves(200, loss=loss)
    for figure in (loss_chart([run]), accuracy_chart([run]), loss_chart([run], log_y=True)):
        assert "diverged at step 121" in figure.layout.annotations[0].text
        assert any(shape.x0 == 121 for shape in figure.layout.shapes)
        assert "NaN," not in figure.to_json() and "Infinity" not in figure.to_json()
    assert np.isnan(np.asarray(trace(loss_chart([run]), "-train").y)[120:]).all()


def test_diverged_from_the_first_step():
    figure = loss_chart([curves(50, loss=np.full(50, np.nan))], smoothing=0.9)
    assert "step 1" in figure.layout.annotations[0].text


def test_error_on_a_logarithmic_axis():
    run = curves(3, epochs=1, accuracy=[0.5, 1.0, 0.75], val_accuracy=[0.99])
    figure = accuracy_chart([run], log_y=True)
    assert figure.layout.yaxis.type == "log"
    np.testing.assert_allclose(trace(figure, "-train").y, [0.5, 0.005, 0.25], rtol=1e-5)
    assert trace(figure, "-train").customdata[1, 0] == 1.0
    np.testing.assert_allclose(trace(figure, "-val").y, [0.01])


def test_a_loss_of_zero_is_left_out_of_a_logarithmic_axis():
    run = curves(3, epochs=1, loss=[1.0, 0.0, 0.5])
    assert np.isnan(trace(loss_chart([run], log_y=True), "-train").y[1])


@pytest.mark.parametrize(("level", "floor"), [(0.1, 0.0), (0.62, 0.5), (0.93, 0.9), (0.999, 0.99)])
def test_the_accuracy_axis_comes_near_the_curve(level, floor):
    run = curves(400, accuracy=np.full(400, level), val_accuracy=[level] * 5)
    assert accuracy_chart([run]).layout.yaxis.autorangeoptions.minallowed == floor


def test_epoch_marks_stay_few():
    assert len(loss_chart([curves(500, epochs=5)]).layout.shapes) == 5
    assert len(loss_chart([curves(5000, epochs=237)]).layout.shapes) <= 10


def test_names_are_text():
    figure = loss_chart([curves(name="<b>x</b>"), curves()])
    assert "<b>x</b>" not in figure.to_json()
    assert "&lt;b&gt;x" in trace(figure, "0-train").name


# --- colours -------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes 2009, severity 1.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_five_runs_stay_apart_for_every_sight(sight, palette):
    seen = [oklab(np.clip(SIGHT[sight] @ linear(colour), 0, 1)) for colour in palette[:5]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.09


@pytest.mark.parametrize(("palette", "ground"), [(LIGHT, LIGHT_GROUND), (DARK, DARK_GROUND)])
def test_colours_stand_out_from_the_page(palette, ground):
    assert min(contrast(colour, ground) for colour in palette) >= 3


def test_dark_twins_do_not_collide():
    assert not set(FOR_DARK) & set(FOR_DARK.values())


# --- the other figures ---------------------------------------------------------------------


def test_live_data_is_plain_json():
    data = live_data(loss_chart([curves()]), "component/x/plotly.min.js", "Loss")
    assert json.loads(json.dumps(data))["plotly"].endswith("plotly.min.js")
    assert json.loads(data["figure"])["layout"]["uirevision"]
    assert "export default" in LIVE_JS


def test_figures_need_neither_streamlit_nor_keras():
    code = (
        "import sys, mnist_core.figures.curves, mnist_core.figures.architecture, "
        "mnist_core.figures.live; "
        "print({'streamlit', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"


def test_a_leap_of_the_loss_does_not_flatten_the_rest():
    step = np.arange(1, 401)
    loss = np.where(step < 10, 2.3, 2.9)
    calm = loss_chart([RunCurves("calm", step, loss, loss * 0)])
    assert calm.layout.yaxis.autorangeoptions.maxallowed == pytest.approx(1.04 * 2.9)
    leaping = loss_chart([RunCurves("wild", step, np.where(step == 12, 120_000, loss), loss * 0)])
    assert leaping.layout.yaxis.autorangeoptions.maxallowed < 10
    assert "leaps to 120,000" in leaping.layout.annotations[0].text
    assert not calm.layout.annotations
    # What is said of it moves nothing.
    assert leaping.layout.height == calm.layout.height
