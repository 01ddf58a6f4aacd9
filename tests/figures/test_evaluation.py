"""The charts of what a network gets wrong: they show the numbers they are given."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

from mnist_core.evaluation import metrics
from mnist_core.evaluation.robustness import PERTURBATIONS, Fooling
from mnist_core.figures import evaluation
from mnist_core.figures.drawing import learning_chart
from mnist_core.figures.evaluation import (
    DIGIT_COLOURS,
    MANY,
    calibration_chart,
    confusion_heatmap,
    embedding_scatter,
    fgsm_chart,
    robustness_curve,
    scores_chart,
)
from mnist_core.figures.template import DARK_GROUND, FOR_DARK, LIGHT_GROUND, TEMPLATE
from tests.support.answers import answers
from tests.support.colours import contrast, linear, oklab


def trace(figure, uid):
    return next(trace for trace in figure.data if trace.uid == uid)


@pytest.fixture
def counts():
    return metrics.confusion(*answers())


def all_figures():
    probabilities, labels = answers()
    counts = metrics.confusion(probabilities, labels)
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    noise = PERTURBATIONS["noise"]
    path = np.linspace(1, 0, 50)[:, None] * np.eye(10)[3] + 0.1
    return {
        "confusion": confusion_heatmap(counts, (4, 9)),
        "calibration": calibration_chart(metrics.calibration(probabilities, labels)),
        "scores": scores_chart(metrics.scores(counts)),
        "embedding": embedding_scatter(points[:2000], labels[:2000], labels[:2000]),
        "robustness": robustness_curve(noise, noise.steps, np.linspace(1, 0.1, 13), (0.3, 0.6)),
        "learning": learning_chart([0, 9], ["before training", "step 9"], path[:2], "A 3"),
        "fgsm": fgsm_chart(np.linspace(0, 0.5, 50), path, 3, None, 0.2),
    }


@pytest.mark.parametrize("name", all_figures())
def test_every_figure(name):
    figure = all_figures()[name]
    assert figure.layout.height >= 300 and figure.layout.template == TEMPLATE
    assert figure.layout.title.text
    sizes = [t.textfont.size for t in figure.data if t.type == "scatter" and t.textfont.size]
    assert min(sizes, default=13) >= 13
    json = figure.to_json(validate=False)
    assert len(json) < 60_000
    for word in ("NaN", "nan%", "Infinity", "None"):
        assert word not in json


@pytest.mark.parametrize("name", all_figures())
def test_words_stand_out_from_the_page_as_wcag_asks(name):
    """4.5:1, or 3:1 for bold words of 18.66 pixels and more (WCAG 2.1, 1.4.3)."""
    for note in all_figures()[name].layout.annotations:
        if note.font.color:
            large = "<b>" in note.text and (note.font.size or 0) >= 18.66
            for shade, ground in (
                (note.font.color, LIGHT_GROUND),
                (FOR_DARK[note.font.color], DARK_GROUND),
            ):
                assert contrast(shade, ground) >= (3 if large else 4.5), note.text


# --- confusion -----------------------------------------------------------------------------


def test_the_cells_hold_the_counts(counts):
    figure = confusion_heatmap(counts)
    wrong, right = trace(figure, "wrong"), trace(figure, "right")
    same = np.eye(10, dtype=bool)
    np.testing.assert_allclose(wrong.z[~same] ** 2, counts[~same])
    np.testing.assert_allclose(right.z[same], counts.diagonal() / counts.sum(1))
    # Each cell belongs to one of the two, so that a press names one cell.
    assert np.isnan(wrong.z[same]).all() and np.isnan(right.z[~same]).all()
    shown = trace(figure, "counts")
    told = {(y, x): text for x, y, text in zip(shown.x, shown.y, shown.text, strict=True)}
    assert told == {(t, r): str(n) for (t, r), n in np.ndenumerate(counts) if n}


def test_a_press_says_true_and_read(counts):
    figure = confusion_heatmap(counts)
    for uid in ("wrong", "right"):
        assert list(trace(figure, uid).x) == list(trace(figure, uid).y) == list(range(10))
    assert trace(figure, "counts").hoverinfo == "skip"
    top, bottom = figure.layout.xaxis.range[::-1]
    assert figure.layout.yaxis.range == (top, bottom)  # 0 at the top
    assert "read" in figure.layout.xaxis.title.text


def test_the_most_frequent_mistake_is_the_deepest_whatever_the_diagonal(counts):
    wrong = trace(confusion_heatmap(counts), "wrong")
    assert wrong.zmax == pytest.approx(np.sqrt((counts - np.diag(counts.diagonal())).max()))


def test_hover_tells_a_cell_in_words():
    counts = np.zeros((10, 10), np.int64)
    counts[4, 4], counts[4, 9], counts[7, 2] = 995, 5, 1
    words = trace(confusion_heatmap(counts), "wrong").hovertext
    assert words[4][9] == "<b>4 read as 9</b><br>5 images, 0.5% of all 4s."
    assert words[4][4] == "<b>4 read rightly</b><br>995 images, 99.5% of all 4s."
    assert words[7][2] == "<b>7 read as 2</b><br>1 image, 100.0% of all 7s."
    assert words[4][1] == "No 4 was read as 1."
    assert words[0][0] == "There is no image of a 0."


def test_the_selected_cell_is_framed(counts):
    assert not confusion_heatmap(counts).layout.shapes
    (frame,) = confusion_heatmap(counts, (4, 9)).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (8.5, 9.5, 3.5, 4.5)


@pytest.mark.parametrize("counts", [np.zeros((10, 10), np.int64), np.eye(10, dtype=np.int64)])
def test_no_images_and_no_mistakes(counts):
    figure = confusion_heatmap(counts)
    assert trace(figure, "wrong").zmax > 0
    assert len(trace(figure, "counts").text or ()) == counts.sum()


# --- calibration and scores ----------------------------------------------------------------


def test_calibration_shows_the_bins():
    found = metrics.calibration(*answers())
    figure = calibration_chart(found)
    has = found.count > 0
    np.testing.assert_allclose(trace(figure, "right").y, found.accuracy[has])
    np.testing.assert_allclose(trace(figure, "sure").y, found.confidence[has])
    np.testing.assert_allclose(trace(figure, "count").y, found.count[has])
    assert len(trace(figure, "right").x) < 10  # a bin without images has no bar
    assert f"{found.expected_error:.2%}" in figure.layout.title.text


def test_calibration_in_words():
    probabilities = np.full((20, 10), 0.1 / 9)
    probabilities[:, 4] = 0.9
    probabilities[10:] = np.full(10, 0.5 / 9)
    probabilities[10:, 4] = 0.5
    labels = np.array([4] * 6 + [1] * 4 + [4] * 9 + [1])
    words = list(
        trace(calibration_chart(metrics.calibration(probabilities, labels)), "sure").hovertext
    )
    assert words[0].endswith("right in 90.0%:<br>40.0% too unsure.")
    assert words[1].startswith("10 images: 90.0% sure on average")
    assert words[1].endswith("right in 60.0%:<br>30.0% too sure.")


def test_bars_of_few_images_are_pale():
    probabilities = np.tile(np.eye(10)[3] * 0.9 + 0.01, (30, 1))
    probabilities[:9] = np.eye(10)[3] * 0.5 + 0.05
    bars = trace(calibration_chart(metrics.calibration(probabilities, [3] * 30)), "right")
    assert bars.marker.opacity[0] < bars.marker.opacity[1]


def test_calibration_without_images():
    figure = calibration_chart(metrics.calibration(np.zeros((0, 10)), []))
    assert "nan" not in figure.to_json(validate=False)


def test_scores_are_shown_and_told(counts):
    scores = metrics.scores(counts)
    figure = scores_chart(scores)
    np.testing.assert_allclose(trace(figure, "precision").y, scores.precision)
    np.testing.assert_allclose(trace(figure, "recall").y, scores.recall)
    assert trace(figure, "precision").marker.symbol != trace(figure, "recall").marker.symbol
    words = trace(figure, "recall").hovertext[3]
    assert f"{scores.recall[3]:.2%}" in words and f"{scores.right[3]:,} are read" in words
    low, high = figure.layout.yaxis.range
    assert low < min(scores.precision.min(), scores.recall.min()) and high > 1


def test_a_score_of_nothing_is_none_and_one_of_zero_is_zero():
    counts = np.diag(np.full(10, 50))
    counts[4, 4], counts[4, 9] = 0, 50  # nothing is read as 4
    figure = scores_chart(metrics.scores(counts))
    precision, recall = trace(figure, "precision"), trace(figure, "recall")
    assert "precision of 4: none" in precision.hovertext[4]
    assert precision.marker.symbol[4] == "circle-open" and precision.marker.symbol[5] == "circle"
    assert recall.y[4] == 0 and recall.marker.symbol[4] == "diamond"
    assert figure.layout.yaxis.range[0] < precision.y[4] < 0


# --- embedding -----------------------------------------------------------------------------


def test_points_are_their_digits_and_name_their_image():
    generator = np.random.default_rng(0)
    points, labels = generator.normal(size=(300, 2)), generator.integers(0, 10, 300)
    read, images = labels.copy(), generator.permutation(10_000)[:300]
    read[[5, 17]] = (labels[[5, 17]] + 1) % 10
    figure = embedding_scatter(points, labels, read, images)
    seen = {}
    for one in figure.data:
        texts = [one.text] * len(one.x) if isinstance(one.text, str) else one.text
        for x, y, text, image in zip(one.x, one.y, texts, one.customdata, strict=True):
            seen[int(image)] = (x, y, int(text.strip("</b>")))
    assert len(seen) == 300
    for index, image in enumerate(images):
        x, y, digit = seen[int(image)]
        np.testing.assert_allclose([x, y], points[index], rtol=1e-6)
        assert digit == labels[index]
    misread = trace(figure, "misread")
    assert sorted(misread.customdata) == sorted(images[[5, 17]])
    assert list(misread.hovertext) == [f"a {labels[i]} read as {read[i]}" for i in (5, 17)]
    assert figure.layout.yaxis.scaleanchor == "x"


def test_without_numbers_images_are_counted():
    figure = embedding_scatter(np.zeros((3, 2)), np.array([1, 1, 1]), np.array([1, 1, 1]))
    assert list(trace(figure, "digit-1").customdata) == [0, 1, 2]
    assert figure.layout.showlegend is False


def test_many_misread_points_have_smaller_rings():
    points, labels = np.zeros((MANY + 1, 2)), np.ones(MANY + 1, int)
    many = embedding_scatter(points, labels, labels + 1)
    few = embedding_scatter(points[:5], labels[:5], labels[:5] + 1)
    assert trace(many, "misread").marker.size < trace(few, "misread").marker.size


def test_digit_colours_stand_out_from_both_pages_and_from_one_another():
    assert len(set(DIGIT_COLOURS)) == 10
    for ground in (LIGHT_GROUND, DARK_GROUND):
        assert min(contrast(colour, ground) for colour in DIGIT_COLOURS) >= 3
    seen = [oklab(linear(colour)) for colour in DIGIT_COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.12


# --- robustness ----------------------------------------------------------------------------


def test_the_curve_and_where_one_is_on_it():
    kind = PERTURBATIONS["rotate"]
    values = np.linspace(0.2, 0.9, len(kind.steps))
    figure = robustness_curve(kind, kind.steps, values, (-30.0, 0.55))
    line, current = trace(figure, "accuracy"), trace(figure, "current")
    assert list(line.x) == list(kind.steps) and list(line.y) == list(values)
    assert (current.x[0], current.y[0]) == (-30.0, 0.55)
    assert line.hovertext[0] == "−90°" and "−30°" in current.hovertext[0]
    assert any("−30°: 55.0%" in note.text for note in figure.layout.annotations)
    low, high = figure.layout.xaxis.range
    assert low < kind.low and high > kind.high
    assert len(robustness_curve(kind, kind.steps, values).data) == 1


def test_probabilities_as_the_change_grows():
    steps = np.linspace(0, 0.5, 51)
    answers = np.zeros((51, 10), np.float32)
    answers[:, 3] = np.linspace(1, 0, 51)
    answers[:, 8], answers[:, 5] = (1 - answers[:, 3]) * 0.7, (1 - answers[:, 3]) * 0.3
    fooling = Fooling(0.294, 0.2939, np.zeros((28, 28)), 8, answers[30])
    figure = fgsm_chart(steps, answers, 3, fooling, 0.1)
    names = [one.name for one in figure.data]
    assert names == ["3, the true digit", "8", "5"]
    np.testing.assert_array_equal(figure.data[1].y, answers[:, 8])
    assert len({one.line.dash for one in figure.data}) == 3
    assert [shape.x0 for shape in figure.layout.shapes] == [0.1, 0.294]
    texts = [note.text for note in figure.layout.annotations]
    assert any("now 0.1" in text for text in texts)
    assert any("read as 8 from 0.294" in text for text in texts)
    assert not fgsm_chart(steps, answers, 3).layout.shapes


def test_figures_need_neither_streamlit_nor_keras_nor_scikit_learn():
    code = (
        f"import sys, {evaluation.__name__}; "
        "print({'streamlit', 'keras', 'tensorflow', 'sklearn'} & set(sys.modules))"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"


# --- classes with names --------------------------------------------------------------------

NAMED = ("T-shirt/top", "Bag", "Ankle boot")


def three():
    """Answers about three classes, some of them wrong, and where the images lie."""
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 3, 60)
    read = np.where(draw.random(60) < 0.2, (labels + 1) % 3, labels)
    return labels, read, draw.normal(size=(60, 2))


def test_classes_are_called_by_their_names():
    labels, read, points = three()
    counts = metrics.confusion(np.eye(3)[read], labels)
    figure = confusion_heatmap(counts, names=NAMED)
    assert figure.layout.xaxis.ticktext == figure.layout.yaxis.ticktext == NAMED
    words = trace(figure, "wrong").hovertext
    assert words[0][0].startswith("<b>T-shirt/top read rightly</b>")
    assert "of all of “Bag”" in words[1][2] and "class in the image" in str(figure.layout)
    # Names stand beside the plot, not over its title.
    assert figure.layout.margin.l > confusion_heatmap(np.eye(10, dtype=int)).layout.margin.l + 60
    assert scores_chart(metrics.scores(counts), NAMED).layout.xaxis.ticktext == NAMED
    path = np.linspace(1, 0, 50)[:, None] * np.eye(3)[2] + 0.1
    chart = fgsm_chart(np.linspace(0, 0.5, 50), path, 2, None, 0.2, NAMED)
    assert trace(chart, "line-0").name == "Ankle boot, the true class"
    cloud = embedding_scatter(points, labels, read, names=NAMED)
    assert trace(cloud, "digit-2").text == "2" and "“Ankle boot”" in str(cloud)


def test_many_classes_have_room_and_no_crowd_of_numbers():
    figure = confusion_heatmap(np.eye(50, dtype=np.int64) * 7, names=[f"k{n}" for n in range(50)])
    assert figure.layout.height > 900 and not trace(figure, "counts").text
    assert trace(figure, "right").z.shape == (50, 50)
    assert len(figure.layout.yaxis.ticktext) == 50 and len(figure.layout.xaxis.ticktext) <= 20
    assert figure.layout.xaxis.ticktext[1] == f"k{figure.layout.xaxis.tickvals[1]}"
