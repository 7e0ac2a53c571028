"""A small WD tagger: the true inputs, outputs and files, with weights that say which colour is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TAGS = (
    ("general", 9),
    ("explicit", 9),
    ("blue_thing", 0),
    ("green_thing", 0),
    ("red_thing", 0),
    ("^_^", 0),
    ("long_hair", 0),
    ("zorb_(series)", 4),
)


def make_tagger(folder: Path, size: int = 16, batch: int | str = "batch") -> Path:
    """Mean blue, green and red from 0 to 255, times weights, plus biases, through a sigmoid."""
    weights = np.zeros((3, len(TAGS)), np.float32)
    bias = np.full(len(TAGS), -10, np.float32)
    for channel, column in enumerate((2, 3, 4)):
        weights[channel, column] = 0.1
    weights[:, 0] = 0.02  # the brighter, the more general
    bias[1] = -5
    bias[5] = 1.0  # ^_^ 0.73
    bias[6] = -0.5  # long hair 0.38
    bias[7] = 1.9  # 0.87
    nodes = [
        helper.make_node("ReduceMean", ["input_1:0", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["predictions_sigmoid"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("input_1:0", TensorProto.FLOAT, [batch, size, size, 3])],
        [helper.make_tensor_value_info("predictions_sigmoid", TensorProto.FLOAT, [batch, len(TAGS)])],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"))
    rows = [f"{number},{name},{category},100" for number, (name, category) in enumerate(TAGS)]
    (folder / "selected_tags.csv").write_text(
        "\n".join(["tag_id,name,category,count", *rows, ""]), encoding="utf-8"
    )
    return folder
