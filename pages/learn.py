"""The first page: what this is, and the two doors that are open."""

import streamlit as st

from mnist_core import PRESET_NOTES
from pages.shared import entry

entry.through_app()

DOORS = (
    (
        "pages/train.py",
        ":material/model_training: Train a network",
        "Choose a network or build your own from layers, press one button, and watch its loss "
        "fall, step by step, on 60,000 real handwritten digits.",
    ),
    (
        "pages/draw.py",
        ":material/draw: Draw a digit",
        "Write with mouse, pen or finger and see which digit the network reads, how sure it is, "
        "and the 28×28 image that it really sees.",
    ),
)

st.title("Learn how neural networks work by training real ones")
st.markdown(
    "A network is a stack of layers. Each neuron multiplies its inputs by **weights**, adds a "
    "**bias** and bends the sum with an **activation**. Training shows it images, measures how "
    "wrong it is (the **loss**) and nudges every weight a little the other way, thousands of "
    "times. Here you do all of it yourself, on this computer, in seconds."
)
for column, (page, label, text) in zip(st.columns(2, gap="large"), DOORS, strict=True):
    with column, st.container(border=True, height="stretch"):
        st.page_link(page, label=f"**{label}**")
        st.write(text)

st.subheader("Three things to try first")
names = {
    "two-layer": "The smallest network that works: 97 of 100 digits right after a few seconds.",
    "cnn": "A convolutional network looks at small patches of the image, and errs half as often.",
    "ten-sigmoids": "The gradient never reaches the first layers. See it, then mend it.",
}
for column, (name, text) in zip(st.columns(3, gap="large"), names.items(), strict=True):
    with column, st.container(border=True, height="stretch"):
        st.markdown(f"**{PRESET_NOTES[name].title}**")
        st.write(text)
        st.page_link(
            "pages/train.py",
            label="Open in Train",
            icon=":material/arrow_forward:",
            query_params={"preset": name},
        )
