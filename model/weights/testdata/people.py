#!/usr/bin/env python3
"""Writes one tiny network in the forms in which people keep networks.

Run in this folder: python3 people.py  (made with PyTorch 1.13, as Debian packages
it). Every file in people/ holds the network of people/plain.pt, under other
names, in other places, beside other things; several_*.pt hold two of them.
"""
import argparse
import collections
import datetime
import enum
import os
import pathlib
import pickle
import random
import types
import zipfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.utils.prune as prune

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "people"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 2, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


class Kind(enum.Enum):
    SGD = 1


class Dict(dict):
    pass


def net():
    torch.manual_seed(1)
    return Net()


def state(prefix="", **replace):
    return collections.OrderedDict((prefix + k, v.clone()) for k, v in net().state_dict().items())


def other():
    torch.manual_seed(2)
    return Net().state_dict()


def save(name, saved, **how):
    torch.save(saved, name + ".pt", **how)


plain = state()
save("plain", plain)

for prefix in ["module.", "_orig_mod.", "net.", "model.module.", "module._orig_mod.", "_orig_mod.module.model.backbone.", "0."]:
    save("prefix_" + prefix.replace(".", "-"), state(prefix))
inner = state()
save("prefix_inside", {k.replace("conv.", "conv._checkpoint_wrapped_module.").replace("fc.", "fc.module."): v for k, v in inner.items()})
save("averaged_model", torch.optim.swa_utils.AveragedModel(net()).state_dict())
save("lightning", {"epoch": 1, "state_dict": {**state("model."), "criterion.weight": torch.ones(2)}, "optimizer_states": [], "hyper_parameters": {"lr": 0.1}})
counted = state("net.")
counted["net.conv.total_ops"] = torch.zeros(1, dtype=torch.float64)
counted["total_params"] = torch.zeros(1, dtype=torch.float64)
counted["seen"] = torch.tensor(3)
counted["net.conv.cache"] = torch.zeros(0)
save("counters", counted)

model = net()
model(torch.ones(2, 1, 4, 4)).sum().backward()
trained = net()
optimizer = torch.optim.Adam(trained.parameters())
trained(torch.ones(2, 1, 4, 4)).sum().backward()
keep = trained.state_dict()
keep.update(state())
trained.load_state_dict(keep)
adam = torch.optim.Adam(model.parameters())
adam.step()
objects = {
    "namespace": argparse.Namespace(lr=0.1, milestones=[1, 2]), "simple": types.SimpleNamespace(a=1), "array": np.arange(3.0),
    "scalar": np.float32(3), "numbers": [np.int64(1), np.bool_(True)], "text": np.array(["a"]), "records": np.zeros(2, [("a", "i4")]), "objects": np.array([None, 1], dtype=object),
    "np_state": np.random.get_state(), "np_generator": np.random.default_rng(1), "np_random": np.random.RandomState(1), "py_state": random.getstate(), "random": random.Random(1),
    "torch_state": torch.get_rng_state(), "set": {1, 2}, "frozen": frozenset({3}), "path": pathlib.PosixPath("/d"), "date": datetime.datetime(2020, 1, 1), "delta": datetime.timedelta(1),
    "dtype": torch.float16, "device": torch.device("cpu"), "size": torch.Size([1]), "optimizer": adam, "optimizer_state": adam.state_dict(), "scheduler": torch.optim.lr_scheduler.StepLR(adam, 3),
    "enum": Kind.SGD, "default": collections.defaultdict(list, {"a": [1]}), "counter": collections.Counter("aab"), "deque": collections.deque([1]), "bytes": b"abc", "bytearray": bytearray(b"a"), "complex": 1 + 2j, "range": range(3), "function": torch.nn.functional.relu,
    "type": np.float64, "loss": torch.tensor(0.5), "history": torch.arange(3.0), "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "complex_tensor": torch.ones(2, dtype=torch.complex64), "sparse": torch.eye(2).to_sparse(), "none": None, "big": 2**80,
}
for protocol in (2, 4, 5):
    save("objects_p%d" % protocol, {"state_dict": state(), **objects}, pickle_protocol=protocol)
save("objects_legacy", {"state_dict": state(), **{k: v for k, v in objects.items()}}, _use_new_zipfile_serialization=False)

save("under_ema", {"ema": state(), "epoch": 1})
save("under_checkpoint", {"checkpoint": {"model": state()}})
save("under_lists", {"runs": [{"epoch": 1}, ("best", {"weights": state("module.")})]})
save("under_object", {"ckpt": argparse.Namespace(params=state(), step=3)})
save("under_dict", Dict(state_dict=Dict(state())))
save("beside_ema", {"state_dict": state(), "state_dict_ema": other()})
save("beside_ema_flat", {**state("model."), **{"model_ema.module." + k: v for k, v in other().items()}})
save("twice", (lambda s: {"model": s, "best": s})(state()))
save("several_dicts", {"teacher": other(), "student": state()})
save("several_flat", {**{"teacher." + k: v for k, v in other().items()}, **state("student.")})

save("whole", net())
save("whole_legacy", net(), _use_new_zipfile_serialization=False)
save("whole_parallel", {"model": nn.DataParallel(net()), "epoch": 3})

masked = net()
for layer in (masked.conv, masked.fc):
    prune.l1_unstructured(layer, "weight", amount=0.5)
prune.l1_unstructured(masked.fc, "bias", amount=0.5)
save("masked", masked.state_dict())
save("masked_whole", masked)
for layer in (masked.conv, masked.fc):
    prune.remove(layer, "weight")
prune.remove(masked.fc, "bias")
save("masks_removed", masked.state_dict())

with open("pickled.pt", "wb") as f:
    pickle.dump(state(), f)
with open("arrays.pt", "wb") as f:
    pickle.dump({k: v.numpy() for k, v in state().items()}, f)


def repack(name, folder, **how):
    with zipfile.ZipFile("plain.pt") as old, zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, **how) as new:
        for entry in old.namelist():
            new.writestr(folder + entry.split("/", 1)[1], old.read(entry))


repack("deflated.pt", "plain/")
repack("deflated_no_folder.pt", "")
repack("deflated_deep.pt", "a/b/")
