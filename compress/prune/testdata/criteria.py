"""Scores and masks of every criterion, for criteria_test.go.

    /usr/bin/python3 criteria.py > criteria.json

Gradients are torch's autograd, masks of single weights torch.nn.utils.prune's. What
torch does not define (LAMP, ERK, N:M, blocks) is numpy, from the papers' formulas.
"""
import json
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 8, 3, padding=1, bias=False)
        self.b = nn.Conv2d(8, 20, 3, padding=1, bias=False)
        self.c = nn.Linear(20, 12)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.relu(self.b(x))
        return self.c(x.mean((2, 3)))


def layers(net):
    return [net.a, net.b, net.c]


def loss_of(net, seed):
    g = torch.Generator().manual_seed(seed)
    return F.cross_entropy(net(torch.randn(8, 4, 8, 8, generator=g)), torch.arange(8))


def flat(t):
    return [float(f"{v:.9g}") for v in np.asarray(t, dtype=np.float32).ravel()]


def bits(mask):
    return "".join(str(int(v)) for v in np.asarray(mask).ravel())


def lamp(w):
    w = w.ravel().astype(np.float64)
    return np.array([v * v / np.sum(w[np.abs(w) >= abs(v)] ** 2) for v in w])


def masks(modules, scores, share):
    """torch's global_unstructured by importance scores; leaves the modules as they are."""
    names = [(m, "weight") for m in modules]
    prune.global_unstructured(names, prune.L1Unstructured, amount=share,
                              importance_scores={k: s for k, s in zip(names, scores)})
    out = [bits(m.weight_mask) for m in modules]
    for m in modules:
        w = m.weight_orig.data
        prune.remove(m, "weight")
        m.weight.data = w
    return out


def erk(shapes, sparsity):
    """RigL's Erdős–Rényi kernel distribution, as its authors' code iterates it."""
    dense = set()
    while True:
        divisor = rhs = 0
        raw = {}
        for i, s in enumerate(shapes):
            n = np.prod(s)
            if i in dense:
                rhs -= n * sparsity
            else:
                rhs += n * (1 - sparsity)
                raw[i] = np.sum(s) / n
                divisor += raw[i] * n
        eps = rhs / divisor
        top = max(raw.values())
        if top * eps <= 1:
            return [0.0 if i in dense else float(1 - eps * raw[i]) for i in range(len(shapes))]
        dense |= {i for i, v in raw.items() if v == top}


def pattern(w, n, m):
    w = w.reshape(w.shape[0], w.shape[1], -1)
    mask = np.zeros_like(w)
    for o in range(w.shape[0]):
        for i in range(0, w.shape[1], m):
            for p in range(w.shape[2]):
                best = np.argsort(-np.abs(w[o, i:i + m, p]), kind="stable")[:n]
                mask[o, i + best, p] = 1
    return mask


def block_masks(weights, rows, cols, share):
    """The blocks with the smallest mean magnitude of all layers, complete or not."""
    cells = []
    for l, w in enumerate(weights):
        w = np.abs(w.reshape(w.shape[0], w.shape[1], -1)).astype(np.float64)
        for o in range(0, w.shape[0], rows):
            for i in range(0, w.shape[1], cols):
                for p in range(w.shape[2]):
                    cells.append((w[o:o + rows, i:i + cols, p].mean(), l, o, i, p))
    out = [np.ones(w.reshape(w.shape[0], w.shape[1], -1).shape) for w in weights]
    for _, l, o, i, p in sorted(cells)[:int(round(share * len(cells)))]:
        out[l][o:o + rows, i:i + cols, p] = 0
    return [bits(m) for m in out]


net = Net()
grads = [torch.zeros_like(m.weight) for m in layers(net)]
for batch in range(3):
    net.zero_grad()
    loss_of(net, batch).backward()
    for g, m in zip(grads, layers(net)):
        g += m.weight.grad / 3
weights = [m.weight.detach().numpy().copy() for m in layers(net)]
scores = {
    "magnitude": [np.abs(w) for w in weights],
    "normalised": [np.abs(w) / np.sqrt(np.mean(w.astype(np.float64) ** 2)) for w in weights],
    "lamp": [lamp(w).reshape(w.shape) for w in weights],
    "taylor": [np.abs(w * g.numpy()) for w, g in zip(weights, grads)],
}
document = {
    "layers": [{"name": n, "shape": list(w.shape), "weight": flat(w), "gradient": flat(g)}
               for n, w, g in zip("abc", weights, grads)],
    "scores": {k: [flat(s) for s in v] for k, v in scores.items()},
    "global": {k: masks(layers(net), [torch.tensor(np.ascontiguousarray(s), dtype=torch.float32) for s in v], 0.7)
               for k, v in scores.items()},
    "layer": [],
    "erk": {str(s): erk([w.shape for w in weights], s) for s in (0.3, 0.5, 0.9)},
    "pattern": {f"{n}:4": [bits(pattern(w, n, 4)) for w in weights] for n in (2, 1)},
    "block": {f"{r}x{c}": block_masks(weights, r, c, 0.6) for r, c in ((1, 4), (4, 1), (16, 1), (3, 3))},
}
for m in layers(net):
    prune.l1_unstructured(m, "weight", 0.7)
    document["layer"].append(bits(m.weight_mask))
    w = m.weight_orig.data
    prune.remove(m, "weight")
    m.weight.data = w

# Movement: SGD's own steps, with the gradient that autograd gave.
options = {"momentum": 0.9, "weight_decay": 5e-4}
sgd = torch.optim.SGD([net.a.weight], lr=0.1, **options)
steps, score = [], torch.zeros_like(net.a.weight, dtype=torch.float64)
before = torch.zeros_like(net.a.weight)
for step in range(3):
    net.zero_grad()
    loss_of(net, 10 + step).backward()
    w = net.a.weight.detach().clone()
    score -= w.double() * net.a.weight.grad.double()
    sgd.step()
    after = sgd.state[net.a.weight]["momentum_buffer"].clone()
    steps.append({"weight": flat(w), "before": flat(before), "after": flat(after)})
    before = after
document["movement"] = {**options, "steps": steps, "score": flat(score)}
print(json.dumps(document))
