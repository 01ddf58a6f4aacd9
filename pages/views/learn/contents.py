"""The lesson's table of contents. Nothing here imports a chapter: the first page is quick."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from pages.views.learn.parts import Chapter


ALL = "all"


def on_paper() -> bool:
    """True when the page is the whole lesson, for printing."""
    return st.query_params.get("chapter") == ALL


@dataclass(frozen=True)
class Entry:
    """A chapter as the contents show it; `question` is what it answers."""

    number: int
    module: str
    short: str
    title: str
    question: str

    def open(self) -> Chapter:
        """The chapter itself."""
        chapter: Chapter = import_module(f"pages.views.learn.{self.module}").chapter()
        return chapter


CHAPTERS = (
    Entry(1, "neuron", "Neuron", "A neuron", "What does a neuron compute?"),
    Entry(2, "activations", "Activations", "Activations", "Why does a network need activations?"),
    Entry(3, "layers", "Layers", "A layer, a network", "What do hidden neurons look for?"),
    Entry(
        4,
        "initialisation",
        "Initialisation",
        "Initialisation",
        "Which weights should training start from?",
    ),
    Entry(5, "forward", "Forward", "The forward pass", "How do pixels become an answer?"),
    Entry(
        6,
        "backward",
        "Backprop",
        "Loss and backpropagation",
        "How does each weight learn its share of the mistake?",
    ),
    Entry(
        7,
        "descent",
        "Descent",
        "Gradient descent",
        "How big a step, how often, in which direction?",
    ),
    Entry(
        8, "convolution", "Convolution", "Convolution and pooling", "Why do images need kernels?"
    ),
    Entry(
        9,
        "fitting",
        "Fitting",
        "Over- and underfitting",
        "Has it understood, or only memorised?",
    ),
)
