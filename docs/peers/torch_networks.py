"""How fast PyTorch trains the networks of docs/performance.md on 32×32 images.

    apt-get install python3-torch
    python3 torch_networks.py NETWORK [THREADS [SECONDS]]

NETWORK is vgg11 or mobilenetv2. Prints images/s of training steps on 128 images
for both memory layouts: medians after a warm-up.
"""

import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

BATCH = 128


def vgg11():
    """VGG-11 with batch norm, with two hidden layers of 512."""
    layers, channels = [], 3
    for out in 64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool":
        if out == "pool":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, out, 3, 1, 1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
        channels = out
    layers.append(nn.Flatten())
    for _ in range(2):
        layers += [nn.Linear(512, 512), nn.ReLU(inplace=True), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def unit(channels, out, kernel=1, stride=1, groups=1, relu=True):
    layers = [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return layers + [nn.ReLU6(inplace=True)] if relu else layers


class InvertedResidual(nn.Module):
    def __init__(self, channels, out, stride, expansion):
        super().__init__()
        hidden = channels * expansion
        layers = unit(channels, hidden) if expansion != 1 else []
        layers += unit(hidden, hidden, 3, stride, hidden) + unit(hidden, out, relu=False)
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def mobilenetv2():
    """MobileNetV2 with the strides for CIFAR."""
    layers, channels = unit(3, 32, 3), 32
    settings = (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    for expansion, out, blocks, stride in settings:
        for i in range(blocks):
            layers.append(InvertedResidual(channels, out, stride if i == 0 else 1, expansion))
            channels = out
    layers += unit(channels, 1280) + [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 10)]
    return nn.Sequential(*layers)


def rate(network, layout, seconds):
    torch.manual_seed(0)
    net = network().to(memory_format=layout)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(BATCH, 3, 32, 32).to(memory_format=layout)
    labels = torch.randint(0, 10, (BATCH,))
    times = []
    begun = None
    while len(times) < 5 or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        optimizer.zero_grad()
        cross_entropy(net(x), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
        if len(times) == 2 and begun is None:
            times, begun = [], time.perf_counter()  # the warm-up
    return net, BATCH / sorted(times)[len(times) // 2]


if len(sys.argv) < 2:
    sys.exit(__doc__)
name = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else torch.get_num_threads())
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 10
for layout in torch.contiguous_format, torch.channels_last:
    net, images = rate({"vgg11": vgg11, "mobilenetv2": mobilenetv2}[name], layout, seconds)
    print(
        f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {name}, {layout}: training {images:.0f} images/s, "
        f"{sum(p.numel() for p in net.parameters())} parameters"
    )
