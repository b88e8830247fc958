#!/usr/bin/env python3
"""Writes the PyTorch checkpoints that torch_test.go reads, and what they hold.

Run in this folder: python3 make.py  (made with PyTorch 1.13, as Debian packages
it). Every checkpoint gets a NAME.json beside it that lists its tensors: name,
element type, shape, and the bytes in row-major order, in hexadecimal.
"""
import collections
import json

import torch

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16",
    torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
    torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}


def describe(name, tensor):
    tensor = tensor.detach().contiguous()
    raw = bytes(tensor.reshape(-1).view(torch.uint8).tolist()) if tensor.numel() else b""
    return {"name": name, "dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data": raw.hex()}


def save(name, saved, state, **how):
    torch.save(saved, name, **how)
    with open(name + ".json", "w") as f:
        json.dump([describe(k, v) for k, v in state.items()], f, indent=1)
        f.write("\n")


LEGACY = {"_use_new_zipfile_serialization": False}

# Every element type, with values at the ends of its range.
types = collections.OrderedDict()
for dtype in DTYPES:
    if dtype.is_floating_point:
        info = torch.finfo(dtype)
        values = [0.0, 1.0, -2.5, 0.1, info.max, info.min, info.tiny, float("inf")]
        types["x." + DTYPES[dtype]] = torch.tensor(values, dtype=torch.float64).to(dtype)
    elif dtype == torch.bool:
        types["x.BOOL"] = torch.tensor([True, False, True])
    else:
        info = torch.iinfo(dtype)
        types["x." + DTYPES[dtype]] = torch.tensor([0, 1, 7, info.max, info.min], dtype=dtype)
save("types.zip.pt", types, types)
save("types.legacy.pt", types, types, **LEGACY)
save("types.protocol4.pt", types, types, pickle_protocol=4)

# Tensors that look into shared storages in every way.
base = torch.arange(24, dtype=torch.float32)
views = collections.OrderedDict([
    ("base", base),
    ("tail", base[20:]),
    ("matrix", base.view(4, 6)),
    ("transposed", base.view(4, 6).t()),
    ("permuted", base.view(2, 3, 4).permute(2, 0, 1)),
    ("strided", base[1::5]),
    ("column", base.view(4, 6)[:, 2]),
    ("expanded", base[3:5].unsqueeze(0).expand(3, 2)),
    ("scalar", base[7]),
    ("empty", torch.zeros(0, 3)),
    ("one", base.view(4, 6)[1:2, 3:4]),
    ("channels_last", torch.arange(48, dtype=torch.float32).view(2, 4, 3, 2).to(memory_format=torch.channels_last)),
    ("parameter", torch.nn.Parameter(torch.tensor([1.5, -1.5]))),
])
save("views.zip.pt", views, views)
save("views.legacy.pt", views, views, **LEGACY)

# A training script's checkpoint: the weights among other things, from a module
# (whose OrderedDict has attributes) wrapped for several devices.
module = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, bias=False), torch.nn.BatchNorm2d(2)))
optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
module.module(torch.ones(1, 1, 5, 5)).sum().backward()
optimizer.step()
checkpoint = {
    "epoch": 200, "best_prec1": 91.25, "arch": "resnet20", "done": True, "nothing": None,
    "big": 2**70, "negative": -(2**40),
    "state_dict": module.state_dict(),
    "optimizer": optimizer.state_dict(),
}
save("checkpoint.zip.pt", checkpoint, module.state_dict())
save("checkpoint.legacy.pt", checkpoint, module.state_dict(), **LEGACY)

# What is not read.
torch.jit.script(torch.nn.Linear(2, 2)).save("torchscript.pt")
torch.save({"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, "quantized.pt")
torch.save(torch.nn.Linear(2, 2), "module.pt")
torch.save(torch.ones(2), "tensor.pt")
torch.save({"epoch": 3}, "empty.pt")
torch.save({"w": torch.ones(2, dtype=torch.complex64)}, "complex.pt")
