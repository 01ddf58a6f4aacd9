"""The lesson's terms, each in a sentence, in the order in which they appear."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Term:
    """A term, the chapter that explains it first, and what it means."""

    name: str
    chapter: int
    meaning: str


TERMS = (
    Term("neuron", 1, "multiplies its inputs by weights, adds a bias, bends the sum."),
    Term("input", 1, "a number that a neuron receives: a pixel, or another neuron’s output."),
    Term("weight", 1, "the factor an input is multiplied by; training changes it."),
    Term("bias", 1, "a number added to the sum; it does not depend on the inputs."),
    Term("activation", 1, "the function that bends a neuron’s sum into its output."),
    Term("output", 1, "what a neuron hands on: its activation of its sum."),
    Term("sigmoid", 1, "the activation that squeezes any sum between 0 and 1."),
    Term("training", 1, "finding good weights and biases by learning from examples."),
    Term("network", 1, "neurons that work together: layers in a row."),
    Term("decision line", 1, "where a neuron’s sum is 0, between yes and no."),
    Term("linear", 2, "without a bend: the output grows in proportion to the input."),
    Term("layer", 2, "neurons side by side that see the same inputs."),
    Term("collapse", 2, "a stack of linear layers can be replaced by one layer."),
    Term("ReLU", 2, "the activation max(0, z): negative sums become 0."),
    Term("derivative", 2, "the slope: how much an output changes with its input."),
    Term("gradient", 2, "for every weight, how fast the loss rises with it."),
    Term("vanishing gradient", 2, "many small slopes multiplied leave nothing to learn from."),
    Term("hidden layer", 3, "a layer between the image and the ten outputs."),
    Term("dense", 3, "a layer whose every neuron sees every output of the one before."),
    Term("flatten", 3, "putting the rows of pixels in one line, for a dense layer."),
    Term("parameters", 3, "all weights and biases: what training may change."),
    Term("test", 3, "images never used in training; they are used once, at the end."),
    Term("initialisation", 4, "the choice of the weights before the first step."),
    Term("break the symmetry", 4, "make neurons different, so that they learn different things."),
    Term("signal", 4, "the values on their way through the layers."),
    Term("spread", 4, "how far values lie from their mean: their standard deviation."),
    Term("loss", 4, "one number for how wrong an answer is; training lowers it."),
    Term("step", 4, "one small change of all weights, against their gradients."),
    Term("forward pass", 5, "computing the answer, layer by layer, from the image."),
    Term("logits", 5, "the ten weighted sums of the output layer, before softmax."),
    Term("softmax", 5, "turns logits into probabilities that add up to 1."),
    Term("probabilities", 5, "ten numbers that add up to 1: how likely each digit is."),
    Term("classes", 6, "the possible answers: here the ten digits."),
    Term("cross-entropy", 6, "the loss −ln p, with p the probability of the right class."),
    Term("backpropagation", 6, "finding all gradients in one pass from the last layer back."),
    Term("chain rule", 6, "along a chain of functions, derivatives are multiplied."),
    Term("loss surface", 7, "the loss as a landscape over all values of the parameters."),
    Term("gradient descent", 7, "going downhill, against the gradient, step by step."),
    Term("learning rate", 7, "the factor between the gradient and the size of a step."),
    Term("batch", 7, "the examples that one step’s gradient is averaged over."),
    Term("stochastic", 7, "random: each step sees a random batch."),
    Term("epoch", 7, "one pass over all training examples."),
    Term("optimiser", 7, "the rule that turns gradients into steps."),
    Term("momentum", 7, "keeping a part of the last step, like a heavy ball."),
    Term("Adam", 7, "momentum, with a step size of its own for each parameter."),
    Term("kernel", 8, "a small square of weights that is used at every place of an image."),
    Term("slide", 8, "visit every place of the image, one after the other."),
    Term("feature map", 8, "the image made of a kernel’s outputs."),
    Term("convolution", 8, "sliding a kernel over an image, multiplying and adding up."),
    Term("stride", 8, "how far the kernel moves from one place to the next."),
    Term("padding", 8, "a border of zeros around the image."),
    Term("pooling", 8, "keeping one value, the largest or the mean, of each small window."),
    Term("validation", 9, "images held back from training, to check progress on."),
    Term("accuracy", 9, "the share of images that are read correctly."),
    Term("generalisation", 9, "doing well on images never seen in training."),
    Term("underfitting", 9, "bad on training and validation images alike."),
    Term("overfitting", 9, "ever better on training images, ever worse on others."),
    Term("regularisation", 9, "whatever keeps a network from memorising its training images."),
    Term("dropout", 9, "setting random outputs to 0, only during training."),
    Term("augmentation", 9, "changing the training images a little each time."),
    Term("early stopping", 9, "ending training when the validation loss no longer falls."),
    Term("patience", 9, "how many epochs early stopping waits for an improvement."),
)


def glossary() -> None:
    """A button that opens the list of terms."""
    with st.popover("Glossary", icon=":material/dictionary:", key="glossary"):
        terms()


def terms() -> None:
    """The terms from A to Z."""
    st.markdown(
        "\n".join(
            f"- **{term.name}** ({term.chapter}): {term.meaning}"
            for term in sorted(TERMS, key=lambda term: term.name.lower())
        )
    )
    st.caption("The number is that of the chapter which explains the term.")
