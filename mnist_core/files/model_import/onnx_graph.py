"""An ONNX graph that is one plain stack, in this app's terms.

The graph is read, not run. Runs in the sandbox: the parser is native code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_core.base.untrusted import FileRefused
from mnist_core.files.model_import.stack import NO_PADS, SIDE, Array, Pads, Stack, Taken

MAX_NODES = 2_000
MAX_VALUES = 30_000_000
_FLOATS_AND_INTS = (1, 2, 3, 5, 6, 7, 10, 11)  # TensorProto's numbers for what NumPy has, too


@dataclass(frozen=True)
class Node:
    """One operation: its settings, and the constants among its inputs (None for the others)."""

    kind: str
    words: str
    settings: Mapping[str, Any]
    constants: tuple[Array | None, ...]
    output: str

    def constant(self, place: int) -> Array | None:
        """The input at this place where it is a constant."""
        return self.constants[place] if place < len(self.constants) else None

    def weights(self, place: int) -> Array:
        """As `constant`, where there has to be one."""
        found = self.constant(place)
        if found is None:
            raise FileRefused(f"{self.words} computes with weights that are not in this file.")
        return found


def take_onnx(content: bytes, classes: int) -> Taken:
    """The network of an ONNX file, which tells `classes` classes apart. Raises FileRefused."""
    import onnx

    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # protobuf's and onnx's own errors, none of which helps
        raise FileRefused("This ONNX file is damaged: it cannot be read.") from None
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise FileRefused(f"This ONNX model has more than {MAX_NODES:,} operations.")
    if len(model.functions):
        raise FileRefused("This ONNX model has custom functions; export it without them.")
    constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1:
        raise FileRefused(
            f"This ONNX model has {len(inputs)} inputs; MNIST Lab shows networks with one."
        )
    sizes = [size.dim_value or None for size in inputs[0].type.tensor_type.shape.dim]
    stack = Stack.begin(_input_shape(sizes))
    stack = _through(graph, stack, constants, inputs[0].name)
    return stack.finish(classes)


def _input_shape(sizes: Sequence[int | None]) -> tuple[int | None, ...]:
    """The shape without the batch axis; an image alone has none."""
    if tuple(sizes) in ((SIDE, SIDE), (SIDE, SIDE, 1)):
        return tuple(sizes)
    return tuple(sizes[1:])


def _array(tensor: Any) -> Array:
    import onnx

    count = int(np.prod([max(size, 0) for size in tensor.dims], dtype=np.float64))
    if tensor.data_location == onnx.TensorProto.EXTERNAL or len(tensor.external_data):
        raise FileRefused(
            "This ONNX model keeps its weights in a second file; export it as one file."
        )
    if tensor.data_type not in _FLOATS_AND_INTS or count > MAX_VALUES:
        raise FileRefused("This ONNX model's weights are not plain numbers, or too many.")
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor), np.float64)
    except (ValueError, TypeError, KeyError):
        raise FileRefused("This ONNX model's weights are damaged.") from None


def _through(graph: Any, stack: Stack, constants: dict[str, Array], current: str) -> Stack:
    """Take one operation after the other, from the input to the output."""
    shapes: set[str] = set()  # what is computed from shapes alone, as PyTorch does to flatten
    for proto in graph.node:
        if len(proto.output) > 1 and proto.op_type not in ("Dropout", "BatchNormalization",
                                                           "MaxPool"):  # fmt: skip
            raise FileRefused(_unknown(proto))
        node = _node(proto, constants)
        names = [name for name in proto.input if name]
        if proto.op_type == "Shape" or (names and set(names) <= shapes | constants.keys()):
            folded = None if proto.op_type == "Shape" else _folded(node)
            if folded is None and not (proto.op_type == "Shape" or set(names) & shapes):
                raise FileRefused(_unknown(proto))
            if folded is None:
                shapes.add(node.output)
            else:
                constants[node.output] = folded
        elif proto.op_type == "Constant":
            constants[node.output] = _constant(proto)
        elif current not in names or any(
            name not in constants and name != current and name not in shapes for name in names
        ):
            raise FileRefused(
                f"{node.words} does not simply follow the operation before it: only networks "
                "whose layers stand one after the other can be shown here, without branches."
            )
        else:
            _take(stack, node, names.index(current))
            current = node.output
    if [one.name for one in graph.output][:1] != [current]:
        raise FileRefused("This ONNX model's output is not at the end of its operations.")
    return stack


def _node(proto: Any, constants: Mapping[str, Array]) -> Node:
    import onnx

    try:
        settings = {
            one.name: onnx.helper.get_attribute_value(one)
            for one in proto.attribute
            if one.type in (1, 2, 3, 6, 7)  # numbers, texts and lists of numbers
        }
    except (ValueError, TypeError):
        raise FileRefused("This ONNX file is damaged: it cannot be read.") from None
    output = proto.output[0] if proto.output else ""
    words = f"Operation “{(proto.name or output)[:40]}” ({proto.op_type[:40]})"
    known = tuple(constants.get(name) for name in proto.input)
    return Node(proto.op_type, words, settings, known, output)


def _constant(proto: Any) -> Array:
    for one in proto.attribute:
        if one.name == "value":
            return _array(one.t)
        if one.name in ("value_float", "value_int"):
            return np.asarray(one.f if one.name == "value_float" else one.i, np.float64)
        if one.name in ("value_floats", "value_ints"):
            return np.asarray(one.floats if one.name == "value_floats" else one.ints, np.float64)
    raise FileRefused(_unknown(proto))


def _folded(node: Node) -> Array | None:
    """The value of an operation on constants alone, of the kinds that exporters leave over."""
    values = [value for value in node.constants if value is not None]
    if len(values) < len(node.constants):
        return None
    first = values[0]
    if node.kind in ("Identity", "Cast"):
        return first
    if node.kind == "Reshape":
        return first.reshape(tuple(int(size) for size in values[1].ravel()))
    if node.kind == "Transpose":
        return first.transpose(node.settings.get("perm"))
    if node.kind in ("Squeeze", "Flatten"):
        return first.reshape(len(first), -1) if node.kind == "Flatten" else first.squeeze()
    if node.kind == "Concat":
        return np.concatenate(values, int(node.settings.get("axis", 0)))
    if node.kind == "Unsqueeze":
        axes = node.settings.get("axes") or [int(axis) for axis in values[1].ravel()]
        return np.expand_dims(first, tuple(axes))
    return None


def _unknown(proto: Any) -> str:
    return (
        f"Operation “{(proto.name or proto.op_type)[:40]}” ({proto.op_type[:40]}) is of a type "
        "that MNIST Lab cannot show, so this model cannot be opened."
    )


def _take(stack: Stack, node: Node, place: int) -> None:
    """Add one operation; its input from before is the one at `place`."""
    taker = _TAKERS.get(node.kind)
    if taker is None:
        raise FileRefused(
            f"{node.words} is of a type that MNIST Lab cannot show, so this model cannot be opened."
        )
    try:
        if place and node.kind not in ("Add", "Mul"):
            raise FileRefused(f"{node.words} uses values that MNIST Lab cannot show.")
        taker(stack, node)
    except FileRefused:
        raise
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, AttributeError):
        raise FileRefused(f"{node.words} has settings that cannot be read.") from None


# --- a function an operation ---------------------------------------------------------------------


def _conv(stack: Stack, node: Node) -> None:
    kernel = node.weights(1)
    if kernel.ndim != 4:
        raise FileRefused(f"{node.words} is no convolution over images.")
    _need_channels_first(stack, node)
    padding, pads = _padding(node)
    bias = node.constant(2)
    stack.conv(
        kernel.transpose(2, 3, 1, 0),
        bias,
        node.words,
        strides=node.settings.get("strides") or (1, 1),
        padding=padding,
        pads=pads,
        dilation=node.settings.get("dilations") or (1, 1),
        groups=int(node.settings.get("group", 1)),
    )


def _padding(node: Node) -> tuple[str, Pads]:
    kind = node.settings.get("auto_pad", b"NOTSET")
    if kind == b"SAME_UPPER":
        return "same", NO_PADS
    if kind not in (b"NOTSET", b"VALID", b""):
        raise FileRefused(f"{node.words} pads its image in a way that MNIST Lab cannot show.")
    top, left, bottom, right = node.settings.get("pads") or (0, 0, 0, 0)
    return "valid", (int(top), int(bottom), int(left), int(right))


def _need_channels_first(stack: Stack, node: Node) -> None:
    if len(stack.shape) == 3 and stack.shape[2] > 1 and not stack.channels_first:
        raise FileRefused(f"{node.words} receives an image with its axes in another order.")
    stack.channels_first = True


def _pool(kind: str) -> Callable[[Stack, Node], None]:
    def take(stack: Stack, node: Node) -> None:
        _need_channels_first(stack, node)
        sizes = node.settings["kernel_shape"]
        if node.settings.get("ceil_mode") and any(
            (side - size) % step
            for side, size, step in zip(
                stack.shape, sizes, node.settings.get("strides") or (1, 1), strict=False
            )
        ):
            raise FileRefused(f"{node.words} rounds sizes up, which MNIST Lab cannot show.")
        padding, pads = _padding(node)
        strides = node.settings.get("strides") or (1, 1)
        stack.pool(kind, sizes, strides, padding, node.words, pads)

    return take


def _gemm(stack: Stack, node: Node) -> None:
    kernel = node.weights(1)
    if node.settings.get("transB", 0):
        kernel = kernel.T
    bias = node.constant(2)
    alpha, beta = (float(node.settings.get(name, 1.0)) for name in ("alpha", "beta"))
    if node.settings.get("transA", 0) or (len(node.constants) > 2 and bias is None):
        raise FileRefused(f"{node.words} has settings that MNIST Lab cannot show.")
    units = kernel.shape[1]
    whole = None if bias is None else beta * np.broadcast_to(bias.ravel(), (units,))
    stack.dense(alpha * kernel, whole, node.words)


def _matmul(stack: Stack, node: Node) -> None:
    kernel = node.weights(1)
    if kernel.ndim != 2:
        raise FileRefused(f"{node.words} multiplies with more than a matrix.")
    stack.dense(kernel, None, node.words)


def _add(stack: Stack, node: Node) -> None:
    """A bias on its own, or a constant for all pixels."""
    value = next(value for value in node.constants if value is not None)
    last = stack.layers[-1]["kind"] if stack.layers else ""
    takes = last in ("dense", "conv", "batch_norm") and stack.row_order is None
    if takes and value.size in (1, stack.shape[-1]):
        stack.weights[-1][1] = stack.weights[-1][1] + value.ravel()
        return
    _affine(stack, node, 1.0, value)


def _affine(stack: Stack, node: Node, factor: Any, offset: Any) -> None:
    factor, offset = np.asarray(factor, np.float64), np.asarray(offset, np.float64)
    if factor.size == 1 and offset.size == 1:
        stack.rescale(float(factor.ravel()[0]), float(offset.ravel()[0]), node.words)
        return
    size = max(factor.size, offset.size)
    whole = [np.broadcast_to(part.ravel(), (size,)) for part in (factor, offset)]
    if size == stack.shape[-1] and not stack.in_front:  # what is left of batch normalisation
        stack.batch_norm(whole[0], whole[1], np.zeros(size), np.ones(size), 0.0, node.words)
        return
    stack.scale_pixels(whole[0], whole[1], node.words)


def _times(stack: Stack, node: Node) -> None:
    value = next(value for value in node.constants if value is not None)
    _affine(stack, node, value, 0.0)


def _minus(stack: Stack, node: Node) -> None:
    _affine(stack, node, 1.0, -node.weights(1))


def _over(stack: Stack, node: Node) -> None:
    _affine(stack, node, 1 / node.weights(1), 0.0)


def _batch_norm(stack: Stack, node: Node) -> None:
    gamma, beta, mean, variance = (node.weights(place) for place in (1, 2, 3, 4))
    epsilon = float(node.settings.get("epsilon", 1e-5))
    if len(stack.shape) == 3:
        _need_channels_first(stack, node)
    stack.batch_norm(gamma, beta, mean, variance, epsilon, node.words)


def _flatten(stack: Stack, node: Node) -> None:
    if int(node.settings.get("axis", 1)) != 1:
        raise FileRefused(f"{node.words} keeps axes separate that MNIST Lab cannot.")
    stack.flatten()


def _reshape(stack: Stack, node: Node) -> None:
    given = node.constant(1)
    if given is None and "shape" not in node.settings:
        stack.flatten()  # a shape worked out when it runs: PyTorch's view(n, -1)
        return
    sizes = [int(size) for size in (node.settings["shape"] if given is None else given.ravel())]
    if len(sizes) == 1 or (len(sizes) > 1 and -1 in sizes[1:] and sizes[0] not in (0, 1)):
        sizes = [1, *sizes] if len(sizes) == 1 else sizes
    stack.reshape(sizes[1:], node.words)


def _transpose(stack: Stack, node: Node) -> None:
    order = [int(axis) for axis in node.settings.get("perm", ())]
    if not order or order[0] != 0:
        raise FileRefused(f"{node.words} transposes axes in a way that MNIST Lab cannot show.")
    stack.transpose([axis - 1 for axis in order[1:]], node.words)


def _squeeze(stack: Stack, node: Node) -> None:
    """Axes of length 1 come and go: of an image, or behind global pooling."""
    if node.kind == "Squeeze" and stack.shape[:2] == (1, 1):
        stack.flatten()


def _global(kind: str) -> Callable[[Stack, Node], None]:
    def take(stack: Stack, node: Node) -> None:
        _need_channels_first(stack, node)
        stack.global_pool(kind, node.words)

    return take


def _reduce_mean(stack: Stack, node: Node) -> None:
    given = node.constant(1)
    axes = node.settings.get("axes") or ([] if given is None else given.ravel())
    wanted = {2, 3} if stack.channels_first else {1, 2}
    if {int(axis) % 4 for axis in axes} != wanted:
        raise FileRefused(f"{node.words} computes means that MNIST Lab cannot show.")
    stack.global_pool("average_pool", node.words)


def _activation(name: str) -> Callable[[Stack, Node], None]:
    def take(stack: Stack, node: Node) -> None:
        before = len(stack.layers)
        stack.activation(name, node.words, float(node.settings.get("alpha", 0.01)))
        if len(stack.layers) > before:
            stack.merge_activation()

    return take


def _elu(stack: Stack, node: Node) -> None:
    if float(node.settings.get("alpha", 1.0)) != 1:
        raise FileRefused(f"{node.words} has an alpha other than 1.")
    _activation("elu")(stack, node)


def _softmax(stack: Stack, node: Node) -> None:
    if int(node.settings.get("axis", -1)) not in (1, -1, len(stack.shape)):
        raise FileRefused(f"{node.words} runs over an axis other than the classes.")
    stack.activation("softmax", node.words)


def _pad(stack: Stack, node: Node) -> None:
    given = node.constant(1)
    pads = [int(size) for size in (node.settings.get("pads", ()) if given is None else given)]
    value = node.constant(2)
    constant = node.settings.get("mode", b"constant") == b"constant"
    if len(pads) != 8 or not constant or (value is not None and value.any()):
        raise FileRefused(f"{node.words} pads its image in a way that MNIST Lab cannot show.")
    first = 2 if stack.channels_first else 1
    rest = [pads[axis] for axis in range(8) if axis % 4 not in (first, first + 1)]
    if any(rest) or min(pads) < 0 or max(pads) > SIDE:
        raise FileRefused(f"{node.words} pads its image in a way that MNIST Lab cannot show.")
    stack.pad((pads[first], pads[first + 4], pads[first + 1], pads[first + 5]), node.words)


def _nothing(_stack: Stack, _node: Node) -> None:
    """Take a layer that changes nothing outside of training."""


_TAKERS: dict[str, Callable[[Stack, Node], None]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _minus,
    "Mul": _times,
    "Div": _over,
    "BatchNormalization": _batch_norm,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "GlobalAveragePool": _global("average_pool"),
    "GlobalMaxPool": _global("max_pool"),
    "ReduceMean": _reduce_mean,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _squeeze,
    "Pad": _pad,
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Gelu": _activation("gelu"),
    "Selu": _activation("selu"),
    "Softplus": _activation("softplus"),
    "Softsign": _activation("softsign"),
    "LeakyRelu": _activation("leaky_relu"),
    "Elu": _elu,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Dropout": _nothing,
    "Identity": _nothing,
    "Cast": _nothing,
}
