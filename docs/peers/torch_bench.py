"""How fast PyTorch trains and runs the ResNet-20 that `espalier bench` measures.

    apt-get install python3-torch
    python3 torch_bench.py [THREADS]

Prints images/s of training steps and of inference on 128 images, and of
inference on one, for both memory layouts: medians after a warm-up. To limit
PyTorch to AVX2, set ONEDNN_MAX_CPU_ISA=AVX2 and ATEN_CPU_CAPABILITY=avx2.
"""

import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy, relu


def conv(channels, out, kernel, stride):
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)
    )


class Block(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1, self.conv2 = conv(channels, out, 3, stride), conv(out, out, 3, 1)
        self.shortcut = conv(channels, out, 1, stride) if stride != 1 else nn.Identity()

    def forward(self, x):
        return relu(self.conv2(relu(self.conv1(x))) + self.shortcut(x))


def resnet20():
    layers = [conv(3, 16, 3, 1), nn.ReLU()]
    for channels, out, stride in (16, 16, 1), (16, 32, 2), (32, 64, 2):
        layers += [Block(channels, out, stride), Block(out, out, 1), Block(out, out, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def rate(images, run, repetitions):
    for _ in range(5):
        run()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return images / sorted(times)[repetitions // 2]


def measure(layout):
    net = resnet20().to(memory_format=layout)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(128, 3, 32, 32).to(memory_format=layout)
    labels = torch.randint(0, 10, (128,))

    def step():
        optimizer.zero_grad()
        cross_entropy(net(x), labels).backward()
        optimizer.step()

    train = rate(128, step, 15)
    net.eval()
    with torch.inference_mode():
        return train, rate(128, lambda: net(x), 15), rate(1, lambda: net(x[:1]), 200)


threads = int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads()
torch.set_num_threads(threads)
torch.manual_seed(0)
for layout in torch.contiguous_format, torch.channels_last:
    train, large, single = measure(layout)
    print(
        f"PyTorch {torch.__version__}, {threads} threads, {layout}: training {train:.0f} images/s, "
        f"inference {large:.0f} images/s, one image {1e3 / single:.2f} ms"
    )
