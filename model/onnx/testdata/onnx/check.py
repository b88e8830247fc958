"""Holds ONNX files to ONNX's own checker: python3 check.py FILE...

Prints a line for each file: "ok", or what is wrong. Types and shapes are
inferred strictly, from the values of constants too, and the outputs' must come
out as the file declares them. Debian has the checker as python3-onnx.
"""
import sys

import onnx
from onnx import checker, shape_inference


def outputs(model):
    return [(o.name, str(o.type)) for o in model.graph.output]


def complaint(path):
    try:
        model = onnx.load(path)
        checker.check_model(model, full_check=True)
        declared = outputs(model)
        for output in model.graph.output:  # or what is declared would win
            output.type.tensor_type.ClearField("shape")
        inferred = outputs(shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True))
        if inferred != declared:
            return f"outputs {declared} are declared and {inferred} inferred"
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return "ok"


for path in sys.argv[1:]:
    print(" ".join(complaint(path).split()))
