"""Writes a network of no known family as a state dict and as ONNX files, with
what PyTorch answers for one image.

Run it with PyTorch (1.13 made the files here). kept.onnx keeps batch norm and so
the state dict's names, bare.onnx is that without values, fresh.onnx is of a network
that was not trained, whose equal values the exporter writes once, and folded.onnx
has batch norm folded into convolutions and so lacks names. widths.onnx is another
network, of kernels that are not square.
"""

import json

import torch
from torch import nn
from torch.onnx import TrainingMode


class Gate(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.down, self.up = nn.Conv2d(c, 2, 1), nn.Conv2d(2, c, 1)

    def forward(self, x):
        g = self.down(x.mean((2, 3), keepdim=True)).relu()
        return x * torch.sigmoid(self.up(g))


class Odd(nn.Module):
    """Batch norm first, a scale that is trained, a constant scale, a gate, and a
    second classifier that evaluation leaves out."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.first = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.plain = nn.BatchNorm2d(6, affine=False)
        self.gate = Gate(6)
        self.gamma = nn.Parameter(torch.ones(1, 6, 1, 1))
        self.second = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.aux = nn.Sequential(nn.Flatten(), nn.Linear(6 * 64, 4))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        y = self.bn(self.first(self.norm(x))).relu()
        y = y + self.gamma * self.gate(self.plain(y))
        aux = self.aux(y) if self.training else None
        y = (0.5 * self.second(y)).relu().mean((2, 3))
        return (self.head(y), aux) if self.training else self.head(y)


class Widths(nn.Module):
    """Kernels that are not square, dilated ones, and a gate that is expanded."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 6, (1, 7), padding=(0, 3))
        self.tall = nn.Conv2d(6, 6, (3, 1), padding=(1, 0), groups=6)
        self.gate = nn.Linear(6, 6)
        self.dilated = nn.Conv2d(6, 5, 3, padding=2, dilation=2, stride=2)
        self.both = nn.Conv2d(5, 4, (3, 2), dilation=(1, 3))
        self.head = nn.Linear(4, 4)

    def forward(self, x):
        y = self.tall(self.wide(x).relu()).relu()
        g = torch.sigmoid(self.gate(y.mean((2, 3)))).view(-1, 6, 1, 1)
        y = self.dilated(y * g.expand_as(y)).relu()
        return self.head(self.both(y).relu().mean((2, 3)))


def network(seed):
    torch.manual_seed(seed)
    net = Odd().eval()
    for name, p in [*net.named_parameters(), *net.named_buffers()]:
        if p.dtype == torch.float32:
            p.data = torch.rand_like(p) + 0.5 if name.endswith("running_var") else 0.5 * torch.randn_like(p)
    return net


x = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)
values, other = network(1), network(2)
torch.save(values.state_dict(), "values.pt")
torch.save({"module." + k: v for k, v in values.state_dict().items()}, "parallel.pt")
keep = dict(training=TrainingMode.PRESERVE, do_constant_folding=False, dynamic_axes={"input": {0: "n"}}, input_names=["input"])
torch.onnx.export(other, x, "kept.onnx", **keep)
torch.onnx.export(other, x, "bare.onnx", export_params=False, **keep)
torch.manual_seed(3)
torch.onnx.export(Odd().eval(), x, "fresh.onnx", **keep)
torch.onnx.export(other, x, "folded.onnx")
torch.manual_seed(4)
widths = Widths().eval()
torch.onnx.export(widths, x, "widths.onnx", dynamic_axes={"input": {0: "n"}}, input_names=["input"])
with torch.no_grad():
    for name, net in [("values", values), ("widths", widths)]:
        json.dump({"logits": net(x)[0].tolist()}, open(name + ".json", "w"))
