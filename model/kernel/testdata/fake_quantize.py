"""Writes fake_quantize.json: PyTorch's fake-quantized values, their gradients, and
those of learned scales (torch 1.13). Run: python3 fake_quantize.py > fake_quantize.json"""
import json
import torch

torch.manual_seed(3)
rows = []
# Zero points are even: with odd ones the operator of learned scales takes values in
# the middle of two codes to the other one than the plain operator does.
for scale, zero, low, high in [(0.1, 0, 0, 255), (0.25, 4, 0, 15), (0.7, 2, 0, 3), (0.03, 128, 0, 255), (0.2, 0, -8, 7), (0.9, 0, -2, 1)]:
    x = torch.randn(64) * 2
    x[:6] = torch.tensor([0.0, scale / 2, 1.5 * scale, -scale / 2, 1e3, -1e3])
    dy = torch.randn(64)
    a = x.clone().requires_grad_()
    y = torch.fake_quantize_per_tensor_affine(a, scale, zero, low, high)
    y.backward(dy)
    b = x.clone().requires_grad_()
    s = torch.tensor([scale], requires_grad=True)
    z = torch.tensor([float(zero)])
    torch._fake_quantize_learnable_per_tensor_affine(b, s, z, low, high, 1.0).backward(dy)
    rows.append({"scale": scale, "zero": zero, "low": low, "high": high, "x": x.tolist(), "dy": dy.tolist(),
                 "y": y.tolist(), "dx": a.grad.tolist(), "dscale": s.grad.item()})
print(json.dumps(rows))
