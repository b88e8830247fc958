"""Writes the records of batch.bin as Python 3 pickles them again, in every way
that scripts do.

    python3 again.py     (needs NumPy 1 or 2)

For each protocol 0 to 5 it writes again_pPROTOCOL, with other kinds of keys and
labels in each, and beside these arrays of other shapes.
"""

import collections
import os
import pickle

import numpy as np

RECORDS = 2
here = os.path.dirname(os.path.abspath(__file__))
records = np.fromfile(os.path.join(here, "batch.bin"), np.uint8).reshape(-1, 3073)[:RECORDS]
pixels, labels = records[:, 1:].copy(), records[:, 0]


def write(name, protocol, data, labels, key=str, kind=dict):
    key = (lambda s: s.encode()) if key is bytes else key
    batch = kind([(key("batch_label"), "training batch 1 of 5"), (key("labels"), labels), (key("data"), data)])
    with open(os.path.join(here, "again_" + name), "wb") as f:
        pickle.dump(batch, f, protocol)


write("p0", 0, pixels, [int(v) for v in labels])
write("p1", 1, pixels, tuple(int(v) for v in labels), key=bytes)
write("p2", 2, pixels, labels.astype(np.int64), key=bytes)
write("p3", 3, pixels, [np.int64(v) for v in labels])
write("p4", 4, pixels, [np.uint8(v) for v in labels], kind=collections.OrderedDict)
write("p5", 5, pixels, labels.astype(">i4"), key=bytes)
write("planes", 4, pixels.reshape(-1, 3, 32, 32), labels)
write("pixels", 5, np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels.astype(np.int16))
write("columns", 2, np.asfortranarray(pixels), labels.astype(np.int32))
readonly = pixels.copy()
readonly.setflags(write=False)
write("readonly", 5, readonly, [np.int32(v) for v in labels])
