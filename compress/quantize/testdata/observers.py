"""Writes observers.json: ranges of the observers that look for them in counts, by
numpy. Run it in this folder.

Percentile and entropy are onnxruntime's calibrators (onnxruntime 1.20,
python/tools/quantization/calibrate.py: HistogramCollector.compute_percentile and
get_entropy_threshold), entropy-tensorrt is NVIDIA's pytorch-quantization 2.1
(calib/histogram.py: _compute_amax_entropy), all written anew from what they do. They
get the histogram that numpy.histogram makes of the same values over the same range.
Sums are in float64. mse tries the same ends of the range with numpy's rounding."""

import json

import numpy as np

BINS = 8192


def values(seed, count, kind):
    """Heavy-tailed values that other languages compute to the same bits."""
    state, out = seed, []
    for _ in range(count):
        u = 0.0
        for _ in range(4):
            state = (1664525 * state + 1013904223) % 2**32
            u += state / 2**32
        x = u - 2
        x = x * x * x if kind != "uniform" else x
        out.append(max(x, 0.0) if kind == "relu" else x + 0.25 if kind == "skew" else x)
    return np.array(out, np.float32)


def histogram(x):
    lo, hi = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    e = -149
    while np.floor(hi / 2.0**e) - np.floor(lo / 2.0**e) >= BINS:
        e += 1
    return bins_of(x, e)


def bins_of(x, e):
    w = 2.0**e
    first = int(np.floor(min(float(x.min()), 0.0) / w))
    n = int(np.floor(max(float(x.max()), 0.0) / w)) - first + 1
    hist, edges = np.histogram(x.astype(np.float64), bins=n, range=(first * w, (first + n) * w))
    return hist.astype(np.int64), edges, e


def percentile(x, hist, edges, share):
    cdf = np.cumsum(hist / hist.sum())
    cut = (100.0 - share) / 200.0
    low, high = edges[np.searchsorted(cdf, cut)], edges[np.searchsorted(cdf, 1.0 - cut)]
    return max(low, float(x.min())), min(high, float(x.max()))


def mse(x, hist, edges):
    lo, hi = np.float32(min(x.min(), 0)), np.float32(max(x.max(), 0))
    middle = (edges[:-1] + edges[1:]) / 2

    def error(low, high):
        a, b = lo * np.float32(low) / np.float32(100), hi * np.float32(high) / np.float32(100)
        scale = np.maximum((b - a) / np.float32(255), np.float32(2**-23))
        zero = -np.round(a / scale)
        q = np.clip(np.round(middle / np.float64(scale)) + zero, 0, 255)
        return float(np.sum(hist * ((q - zero) * np.float64(scale) - middle) ** 2))

    low, high = 100, 100
    best = error(low, high)
    while True:
        before = low, high
        for k in range(100, 0, -1) if hi > 0 else ():
            if (e := error(before[0], k)) < best:
                best, high = e, k
        now = high
        for k in range(100, 0, -1) if lo < 0 else ():
            if (e := error(k, now)) < best:
                best, low = e, k
        if (low, high) == before:
            break
    return float(lo * np.float32(low) / np.float32(100)), float(hi * np.float32(high) / np.float32(100))


def kl(p, q):
    p, q = p / p.sum(), q / q.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sum(np.where(p > 0, p * np.log(p / q), 0.0)))


def smooth(p):
    zeros = int((p == 0).sum())
    rest = p.size - zeros
    if rest == 0 or 0.0001 * zeros / rest >= 1:
        return None
    return np.where(p == 0, 0.0001, p - 0.0001 * zeros / rest)


def entropy(x, levels=128):
    e = histogram(x)[2]
    while max(-np.floor(float(x.min()) / 2.0**e), np.floor(float(x.max()) / 2.0**e) + 1) > 1024:
        e += 1
    w = 2.0**e
    half = int(max(-np.floor(min(float(x.min()), 0) / w), np.floor(max(float(x.max()), 0) / w) + 1))
    hist, edges = np.histogram(x.astype(np.float64), bins=2 * half, range=(-half * w, half * w))
    hist, found = hist.astype(np.int64), []
    for i in range(levels // 2, half + 1):
        start, end = half - i, min(half + i + 1, 2 * half)
        inside = hist[start:end]
        p = inside.copy()
        p[0] += hist[:start].sum()
        p[-1] += hist[end:].sum()
        each = inside.size // levels
        merged = inside[: levels * each].reshape(levels, each).sum(axis=1)
        merged[-1] += inside[levels * each :].sum()
        q = np.zeros(p.size, np.int64)
        for level in range(levels):
            part = slice(level * each, (level + 1) * each)
            filled = int((p[part] != 0).sum())
            if filled:
                q[part] = int(merged[level] / filled)
        p, q = smooth(p.astype(np.float64)), smooth(q.astype(np.float64))
        found.append((np.inf if p is None or q is None else kl(p, q), start, end))
    _, start, end = min(found, key=lambda f: f[0])
    return max(edges[start], float(x.min())), min(edges[end], float(x.max()))


def entropy_tensorrt(x):
    e = histogram(x)[2]
    while max(-np.floor(float(x.min()) / 2.0**e), np.floor(float(x.max()) / 2.0**e) + 1) > 2048:
        e += 1
    w, a = 2.0**e, np.abs(x.astype(np.float64))
    n = int(np.floor(a.max() / w)) + 1
    hist, edges = np.histogram(a, bins=n, range=(0, n * w))
    hist = hist.astype(np.int64)
    hist[0] = hist[1]
    levels, found = 256 if x.min() >= 0 else 128, []
    for i in range(128, n + 1):
        space = np.linspace(0, i, num=levels + 1)
        level = np.digitize(range(i), space) - 1
        filled = hist[:i] > 0
        sums = np.bincount(level[filled], hist[:i][filled], levels)
        counts = np.bincount(level[filled], minlength=levels)
        q = np.where(filled, sums[level] / np.maximum(counts[level], 1), 0)
        p = hist[:i].astype(np.float64)
        p[-1] += hist[i:].sum()
        found.append(kl(p, q))
    last = len(found) - 1 - int(np.argmin(found[::-1]))
    most = edges[last + 128]
    return max(-most, float(x.min())), min(most, float(x.max()))


sets = []
for seed, kind in ((1, "relu"), (2, "cube"), (3, "uniform"), (4, "skew")):
    x = values(seed, 20011, kind)
    hist, edges, exponent = histogram(x)
    ranges = {
        "min-max": (float(x.min()), float(x.max())),
        "mse": mse(x, hist, edges),
        "entropy": entropy(x),
        "entropy-tensorrt": entropy_tensorrt(x),
    }
    for share in (99.99, 99.9, 99, 50):
        ranges["percentile-%g" % share] = percentile(x, hist, edges, share)
    ranges["percentile"] = ranges["percentile-99.99"]
    # The exact quantiles, for how far a bin is off.
    exact = {
        "percentile-%g" % s: [float(np.quantile(x, t, method="inverted_cdf")) for t in ((100 - s) / 200, 1 - (100 - s) / 200)]
        for s in (99.9, 99, 50)
    }
    sets.append({"seed": seed, "kind": kind, "count": x.size, "exponent": exponent, "ranges": ranges, "exact": exact})
with open("observers.json", "w") as f:
    json.dump(sets, f, indent=1)
    f.write("\n")
