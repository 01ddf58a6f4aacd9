"""The picture of a network: everything said, nothing that the page's sanitiser would drop."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from mnist_core import PRESETS
from mnist_core.experiment.layer import describe_shape
from mnist_core.experiment.layers import LAYERS
from mnist_core.experiment.shapes import LayerShape
from mnist_core.figures.architecture import COLOURS, architecture


def picture(markup):
    (source,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", markup)
    return ET.fromstring(base64.b64decode(source))  # raises when it is not well-formed


def stack(*hidden):
    return [LayerShape("input", "input", (28, 28, 1), 0), *hidden]


@pytest.mark.parametrize("name", PRESETS)
def test_it_says_each_layers_name_shape_and_parameters(name):
    rows = PRESETS[name].network.shapes()
    markup = architecture(rows)
    captions = re.findall(r"<div><b>(.*?)</b>(.*?)<i>(.*?) params</i></div>", markup)
    assert captions == [
        (row.name, describe_shape(row.output_shape), f"{row.parameters:,}") for row in rows
    ]
    picture(markup)


def test_it_describes_itself_to_people_who_cannot_see_it():
    rows = PRESETS["cnn"].network.shapes()
    (label,) = re.findall(r'role="img"[^>]* aria-label="([^"]*)"', architecture(rows))
    assert all(row.name in label and describe_shape(row.output_shape) in label for row in rows)
    assert f"{sum(row.parameters for row in rows):,} parameters" in label


def test_it_holds_nothing_that_the_sanitiser_drops():
    markup = architecture(PRESETS["cnn"].network.shapes())
    tags = set(re.findall(r"<([a-z]+)", markup))
    assert tags <= {"style", "div", "img", "span", "b", "i"}
    (style,) = re.findall(r"<style>(.*?)</style>", markup, re.DOTALL)
    assert "<" not in style


def test_hostile_names_are_only_text():
    hostile = "<script>alert('a')</script>\"><img src=x onerror=alert(1)>"
    markup = architecture(stack(LayerShape(hostile, hostile, (5,), 1, 0, hostile)))
    assert "<script" not in markup and "<img src=x" not in markup
    assert "&lt;script&gt;" in markup
    assert markup.count("<img") == 1


def test_images_are_drawn_to_scale_and_units_up_to_ten():
    large = picture(architecture(stack(LayerShape("a", "conv", (24, 24, 1), 26))))
    small = picture(architecture(stack(LayerShape("a", "conv", (12, 12, 1), 26))))

    def plane(root):
        return max(float(r.get("width")) for r in root.iter() if r.get("stroke") == "#ffffff")

    assert plane(large) == pytest.approx(2 * plane(small))
    for units, circles in ((1, 1), (7, 7), (10, 10), (11, 8 + 3), (4096, 8 + 3)):
        root = picture(architecture(stack(LayerShape("a", "dense", (units,), 1))))
        assert sum(e.tag.endswith("circle") for e in root.iter()) == circles


@pytest.mark.parametrize(("kernel", "channels", "filters"), [(1, 1, 4), (3, 32, 64), (5, 1, 6)])
def test_the_window_drawn_is_the_kernel(kernel, channels, filters):
    before = LayerShape("a", "conv", (20, 20, channels), 0)
    parameters = kernel**2 * channels * filters + filters
    after = LayerShape("b", "conv", (21 - kernel, 21 - kernel, filters), parameters)
    from mnist_core.figures.architecture import _window_size

    assert _window_size(before, after) == kernel


def test_forty_layers_stay_a_small_page_element():
    rows = stack(*(LayerShape(f"dense_{n}", "dense", (64,), 4160) for n in range(40)))
    assert len(architecture(rows)) < 200_000


def test_every_layer_type_has_a_colour_of_the_drawing():
    assert {layer.colour for layer in LAYERS.values()} <= COLOURS.keys()
