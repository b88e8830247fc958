"""Writes schedule.json: learning rates of PyTorch's schedulers, taken at every
step of 10 epochs of 7 steps.

    python3 schedule.py       (Debian's python3-torch 1.13.1)
"""
import json
import os

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, SequentialLR

PER_EPOCH, EPOCHS = 7, 10
STEPS = PER_EPOCH * EPOCHS


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = make(optimizer)
    out = []
    for _ in range(STEPS):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def warm(epochs, then):
    """A warm-up of w steps whose next step has the whole rate."""
    w = round(epochs * PER_EPOCH)
    return lambda o: SequentialLR(o, [LinearLR(o, start_factor=1 / (w + 1), total_iters=w), then(o, STEPS - w, w)], [w])


def cosine(o, steps=STEPS, done=0):
    return CosineAnnealingLR(o, steps)


def multistep(o, steps=STEPS, done=0):
    return MultiStepLR(o, [4 * PER_EPOCH - done, round(7.4 * PER_EPOCH) - done], gamma=0.3)


out = dict(
    torch=torch.__version__, rate=0.2, epochs=EPOCHS, per_epoch=PER_EPOCH,
    cases=[
        dict(schedule="cosine", warmup=0, rates=rates(cosine)),
        dict(schedule="cosine", warmup=2.5, rates=rates(warm(2.5, cosine))),
        dict(schedule="step", warmup=0, milestones=[4, 7.4], gamma=0.3, rates=rates(multistep)),
        dict(schedule="step", warmup=1, milestones=[4, 7.4], gamma=0.3, rates=rates(warm(1, multistep))),
    ],
)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedule.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
