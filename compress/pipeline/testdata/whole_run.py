"""Writes whole_run.json: the numbers of a small experiment, computed by PyTorch
in float64. whole_run_test.go runs the same experiment.

    python3 whole_run.py       (Debian's python3-torch 1.13)

Every epoch is one batch of all training images, not augmented, so that no random
order is needed here. Weights and images come from draw, which the test repeats.
"""
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

TRAIN, VALIDATION, TEST = 32, 12, 20
DENSE = dict(epochs=3, rate=0.05)
TUNE = dict(epochs=2, rate=0.02)
MOMENTUM, DECAY = 0.9, 5e-4
TARGETS = [0.3, 0.5]
EDGE_SHARE, EDGE_UNTIL = 0.3, 0.4

torch.set_default_dtype(torch.float64)
state = 1


def draw(count):
    """Numbers from 0 to 1: the upper 24 bits of a congruential generator."""
    global state
    out = np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = (state >> 8) / 2**24
    return out


def uniform(low, high, *shape):
    values = (low + (high - low) * draw(math.prod(shape))).astype(np.float32)
    return torch.tensor(values.reshape(shape), dtype=torch.float64)


# The network: parameters and statistics by PyTorch's names, in the order drawn.
net, convolutions = {}, []


def convolution(name, norm, inputs, outputs, kernel, stride):
    bound = math.sqrt(6 / (inputs * kernel * kernel))
    net[name + ".weight"] = uniform(-bound, bound, outputs, inputs, kernel, kernel)
    for what, low, high in ("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("running_mean", -0.5, 0.5), ("running_var", 0.5, 1.5):
        net[norm + "." + what] = uniform(low, high, outputs)
    convolutions.append((name, norm, stride))


convolution("conv1", "bn1", 3, 16, 3, 1)
width = 16
for stage in range(3):
    block, out, stride = f"layer{stage + 1}.0.", 16 << stage, 1 if stage == 0 else 2
    convolution(block + "conv1", block + "bn1", width, out, 3, stride)
    convolution(block + "conv2", block + "bn2", out, out, 3, 1)
    if stage > 0:
        convolution(block + "downsample.0", block + "downsample.1", width, out, 1, stride)
    width = out
net["fc.weight"], net["fc.bias"] = uniform(-0.1, 0.1, 10, width), uniform(-0.1, 0.1, 10)
layers = [c[0] for c in convolutions] + ["fc"]
norms = {name: (norm, stride) for name, norm, stride in convolutions}
trained = [n for n in net if ".running_" not in n]


def images(count):
    """Noise over a brightness that the label gives."""
    labels = torch.arange(count) % 10
    pixels = np.floor(draw(count * 3072).reshape(count, 3072) * 128 + 12 * (np.arange(count) % 10)[:, None])
    return torch.tensor(pixels.reshape(count, 3, 32, 32)) / 255, labels


train, validation, test = images(TRAIN), images(VALIDATION), images(TEST)
mean = train[0].mean(dim=(0, 2, 3), keepdim=True)
std = train[0].std(dim=(0, 2, 3), unbiased=False, keepdim=True)
train, validation, test = [((x - mean) / std, y) for x, y in (train, validation, test)]


def forward(x, conv, see=lambda name, value: value):
    """Any way to compute a convolution with what belongs to it, and a look at
    every value that quantization would give a scale."""
    x = see("conv1", F.relu(conv("conv1", see("input", x))))
    for stage in (1, 2, 3):
        block = f"layer{stage}.0"
        shortcut = x
        if stage > 1:
            shortcut = see(block + ".downsample.0", conv(block + ".downsample.0", x))
        y = see(block + ".conv1", F.relu(conv(block + ".conv1", x)))
        y = see(block + ".conv2", conv(block + ".conv2", y))
        x = see(block, F.relu(y + shortcut))
    return see("pool", x.mean(dim=(2, 3)))


def normalised(training):
    def conv(name, x):
        norm, stride = norms[name]
        weight = net[name + ".weight"]
        y = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        statistics = net[norm + ".running_mean"], net[norm + ".running_var"]
        return F.batch_norm(y, *statistics, net[norm + ".weight"], net[norm + ".bias"], training, 0.1, 1e-5)
    return conv


def logits(x, training=False):
    return F.linear(forward(x, normalised(training)), net["fc.weight"], net["fc.bias"])


losses, measured, checkpoints = [], [], []


def evaluate(what, split, data):
    with torch.no_grad():
        y = logits(data[0])
        measured.append(dict(what=what, split=split, loss=F.cross_entropy(y, data[1]).item(), correct=int((y.argmax(1) == data[1]).sum())))


def learn(settings, masks):
    for name in trained:
        net[name].requires_grad_(True)
    optimizer = torch.optim.SGD([net[n] for n in trained], lr=1, momentum=MOMENTUM, weight_decay=DECAY)
    for step in range(settings["epochs"]):
        rate = settings["rate"] * (1 + math.cos(math.pi * step / settings["epochs"])) / 2
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(train[0], True), train[1])
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for name, mask in masks.items():
                net[name] *= mask
        losses.append(dict(loss=loss.item(), rate=rate))
    momentum = {n: optimizer.state[net[n]]["momentum_buffer"] for n in trained}
    for name in trained:
        net[name].requires_grad_(False)
    return momentum


def smallest(names, target):
    """Masks that take the smallest round(target · count) of some weights."""
    flat = torch.cat([net[n].abs().flatten() for n in names])
    keep = torch.ones_like(flat)
    zeros = int((flat == 0).sum())
    keep[flat.argsort(stable=True)[: max(zeros, round(target * len(flat)))]] = 0
    parts = keep.split([net[n].numel() for n in names])
    return {n: p.view_as(net[n]) for n, p in zip(names, parts)}


def summary(tensors):
    """Norm and first values of every tensor."""
    return {n: [t.norm().item()] + t.flatten()[:3].tolist() for n, t in tensors.items()}


def keep(name):
    zeros = [int((net[l + ".weight"] == 0).sum()) for l in layers]
    checkpoints.append(dict(name=name, zeros=zeros, tensors=summary(net)))


momentum = learn(DENSE, {})
evaluate("dense", "validation", validation)
evaluate("dense", "test", test)
keep("dense")
for number, target in enumerate(TARGETS, 1):
    masks = smallest([l + ".weight" for l in layers[1:-1]], target)
    for edge in "conv1.weight", "fc.weight":
        masks |= smallest([edge], EDGE_SHARE * target if target <= EDGE_UNTIL else 0)
    for name, mask in masks.items():
        net[name] *= mask
    evaluate("pruned", "validation", validation)
    learn(TUNE, masks)
    evaluate("fine-tuned", "validation", validation)
    evaluate("fine-tuned", "test", test)
    keep(f"round-{number}")

# Post-training quantization: batch norm folded in, smallest and largest values of
# all training images, uint8 activations, int8 weights for each channel.
fused = {}
for name, norm, stride in convolutions:
    scale = net[norm + ".weight"] / torch.sqrt(net[norm + ".running_var"] + 1e-5)
    fused[name] = net[name + ".weight"] * scale[:, None, None, None], net[norm + ".bias"] - net[norm + ".running_mean"] * scale, stride
fused["fc"] = net["fc.weight"], net["fc.bias"], None
ranges = {}


def observe(name, value):
    low, high = min(value.min().item(), 0), max(value.max().item(), 0)
    scale = (high - low) / 255
    ranges[name] = scale, round(-low / scale)
    return value


def folded(weights):
    def conv(name, x):
        weight, bias, stride = weights[name]
        return F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2)
    return conv


forward(train[0], folded(fused), observe)
codes, channel = {}, {}
for name, (weight, bias, stride) in fused.items():
    scale = (weight.flatten(1).abs().amax(1) / 127.5).clamp(min=1.1920929e-07)
    channel[name] = scale
    codes[name] = (weight / scale.view(-1, *[1] * (weight.dim() - 1))).round().clamp(-128, 127)
restored = {n: (codes[n] * channel[n].view(-1, *[1] * (codes[n].dim() - 1)), fused[n][1], fused[n][2]) for n in fused}


def requantize(name, value):
    scale, zero = ranges[name]
    return ((value / scale + zero).round().clamp(0, 255) - zero) * scale


y = F.linear(forward(test[0], folded(restored), requantize), *restored["fc"][:2])
measured.append(dict(what="int8", split="test", loss=F.cross_entropy(y, test[1]).item(), correct=int((y.argmax(1) == test[1]).sum())))

document = dict(
    steps=losses, measured=measured, momentum=summary(momentum), checkpoints=checkpoints,
    ranges={n: list(r) for n, r in ranges.items()}, channels=summary(channel),
)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "whole_run.json"), "w") as f:
    f.write("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in document.items()) + "\n}\n")
