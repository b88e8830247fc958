"""Writes the .npz files in testdata/arrays, as NumPy writes them. Needs NumPy.

    python3 arrays.py arrays
"""
import sys
import numpy as np

out = sys.argv[1]
x = np.arange(6 * 9 * 8 * 3).reshape(6, 9, 8, 3) * 7 % 256
y = np.array([0, 1, 2, 0, 1, 2])
def save(name, x, y, **more):
    np.savez_compressed(f"{out}/{name}.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:], **more)
save("nhwc", x.astype(np.uint8), y.astype(np.uint8).reshape(-1, 1))
save("nchw", x.astype(np.uint8).transpose(0, 3, 1, 2).copy(), y.astype(np.int64))
save("unit", (x / 255).astype(np.float32), y.astype(">i4"))
save("wide", x.astype(np.float64), y.astype(np.uint16))
save("ints", x.astype(np.int64), y.astype(np.int8), other=np.array(["a", "b"], dtype=object))
save("grey", x[:, :, :, 0].astype(np.uint8), y.astype(np.int32))
save("normalised", (x / 255 - 0.5).astype(np.float32), y)
save("floats", x.astype(np.uint8), y.astype(np.float32))
save("negative", x.astype(np.uint8), y - 1)
f = x.astype(np.uint8)
np.savez_compressed(f"{out}/columns.npz", x_train=np.asfortranarray(f[:4]), y_train=y[:4], x_test=np.asfortranarray(f[4:]), y_test=y[4:])
save("channels", np.concatenate([x, x], 3)[:, :, :, :4].astype(np.uint8), y)
np.savez_compressed(f"{out}/count.npz", x_train=f[:4], y_train=y[:4], x_test=f[4:], y_test=y[:3])
save("nan", np.where(x == 7, np.nan, x), y)
np.savez(f"{out}/names.npz", a=x.astype(np.uint8), b=y)
