"""Writes options.json: what PyTorch makes of the training options.

    python3 options.py        (Debian's python3-torch 1.13.1)

Everything is float64, but for the average, which PyTorch keeps in the
network's own float32.
"""
import json
import os

import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel

torch.manual_seed(3)


def sgd(momentum, decay, nesterov):
    w = torch.nn.Parameter(torch.randn(5, dtype=torch.float64))
    before = w.tolist()
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    gradients, after = [], []
    for _ in range(3):
        w.grad = torch.randn(5, dtype=torch.float64)
        gradients.append(w.grad.tolist())
        optimizer.step()
        after.append(w.tolist())
    return dict(lr=0.1, momentum=momentum, decay=decay, nesterov=nesterov, before=before, gradients=gradients, after=after)


def loss(smoothing, distill, temperature):
    logits = (3 * torch.randn(4, 10, dtype=torch.float64)).requires_grad_()
    teacher = 3 * torch.randn(4, 10, dtype=torch.float64)
    labels = torch.randint(0, 10, (4,))
    value = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, labels)
    if distill > 0:
        t = temperature
        divergence = F.kl_div(F.log_softmax(logits / t, 1), F.softmax(teacher / t, 1), reduction="batchmean")
        value = (1 - distill) * value + distill * t * t * divergence
    value.backward()
    return dict(smoothing=smoothing, distill=distill, temperature=temperature, logits=logits.flatten().tolist(),
                teacher=teacher.flatten().tolist(), labels=labels.tolist(), loss=value.item(),
                gradient=logits.grad.flatten().tolist())


def average(decay):
    norm = torch.nn.BatchNorm1d(3)
    averaged = AveragedModel(norm, avg_fn=lambda a, p, n: a + (1 - decay) * (p - a), use_buffers=True)
    values, after = [], []
    for _ in range(4):
        with torch.no_grad():
            norm.weight.copy_(torch.randn(3))
            norm.running_mean.copy_(torch.randn(3))
        values.append(norm.weight.tolist() + norm.running_mean.tolist())
        averaged.update_parameters(norm)
        after.append(averaged.module.weight.tolist() + averaged.module.running_mean.tolist())
    return dict(decay=decay, values=values, after=after)


out = dict(
    torch=torch.__version__,
    sgd=[sgd(0.9, 0.05, n) for n in (False, True)] + [sgd(0.9, 0, True), sgd(0, 0.05, False)],
    loss=[loss(0, 0, 1), loss(0.1, 0, 1), loss(0.3, 0, 1), loss(0, 0.5, 4), loss(0.1, 0.9, 2), loss(0, 1, 1)],
    average=[average(0.75), average(0.999)],
)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "options.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
