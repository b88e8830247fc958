"""Writes channels.json: a small network's weights, a batch, the loss's gradients,
and the scores of its channels by every criterion, computed with PyTorch.

    python3 channels.py > channels.json

The network is conv a, batch norm, ReLU; conv b, ReLU, conv c; the sum of both;
a depthwise conv d; flatten; linear fc. Its channels are two groups:
those of a, c, d and the sum, which b and fc read, and those of b, which c reads.
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


def draw(*shape, scale=0.5):
    return (scale * torch.randn(*shape)).float().double().requires_grad_()


w = {
    "a.weight": draw(4, 2, 3, 3), "a_bn.weight": draw(4, scale=1), "a_bn.bias": draw(4),
    "b.weight": draw(6, 4, 3, 3), "c.weight": draw(4, 6, 1, 1), "d.weight": draw(4, 1, 3, 3),
    "fc.weight": draw(3, 36), "fc.bias": draw(3),
}
x = torch.randn(5, 2, 3, 3).float().double()
labels = torch.tensor([0, 2, 1, 1, 0])


def forward(x):
    a = F.conv2d(x, w["a.weight"], padding=1)
    a = F.relu(F.batch_norm(a, torch.zeros(4), torch.ones(4), w["a_bn.weight"], w["a_bn.bias"], training=True))
    b = F.relu(F.conv2d(a, w["b.weight"], padding=1))
    y = F.conv2d(b, w["c.weight"]) + a
    y = F.conv2d(y, w["d.weight"], padding=1, groups=4)
    return F.linear(y.flatten(1), w["fc.weight"], w["fc.bias"])


F.cross_entropy(forward(x), labels).backward()


def out(name):  # one row a channel
    return w[name].flatten(1), w[name].grad.flatten(1)


def inputs(name, pixels=1):  # one row a channel that the layer reads
    def rows(t):
        if t.dim() == 2:
            t = t.reshape(t.shape[0], -1, pixels)
        return t.transpose(0, 1).flatten(1)
    return rows(w[name]), rows(w[name].grad)


def gamma(name):
    return w[name][:, None], w[name].grad[:, None]


groups = {
    "a": [(out("a.weight"), "layer"), (gamma("a_bn.weight"), "norm"), (inputs("b.weight"), "layer"),
          (out("c.weight"), "layer"), (out("d.weight"), "layer"), (inputs("fc.weight", 9), "layer")],
    "b": [(out("b.weight"), "layer"), (inputs("c.weight"), "layer")],
}


def lamp(s):
    return torch.stack([v / s[s >= v].sum() for v in s])


def score(criterion, members):
    per = []
    for (v, g), kind in members:
        if criterion == "bn-scale" and kind != "norm" or criterion == "fpgm" and kind == "norm":
            continue
        per.append({
            "l1": lambda: v.abs().sum(1), "l2": lambda: (v * v).sum(1), "lamp": lambda: (v * v).sum(1),
            "bn-scale": lambda: v.abs().sum(1), "taylor": lambda: (v * g).abs().sum(1),
            "fpgm": lambda: torch.cdist(v, v).sum(1),
        }[criterion]())
    return torch.stack(per).mean(0) if per else None


scores = {}
with torch.no_grad():
    for criterion in ["l1", "l2", "bn-scale", "taylor", "fpgm", "lamp"]:
        for name, members in groups.items():
            s = score(criterion, members)
            if s is None:
                continue
            for how, value in {"none": s, "mean": s / s.mean(), "max": s / s.max()}.items():
                if criterion == "lamp":
                    value = lamp(s)
                scores[f"{criterion} {how} {name}"] = value.tolist()

print(json.dumps({
    "weights": {n: t.detach().flatten().tolist() for n, t in w.items()},
    "images": x.flatten().tolist(), "labels": labels.tolist(),
    "gradients": {n: t.grad.flatten().tolist() for n, t in w.items()},
    "scores": scores,
}))
