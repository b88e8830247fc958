"""Writes small batches of CIFAR-10 in torchvision's layout.

    python3 batches.py data_batch_1.bin     (needs NumPy 1 or 2)

takes the first records of a file of the binary layout and writes, into the
folder of this script:

    batch.bin        those records
    batch_py2        the same as Python 2's cPickle wrote the official files:
                     protocol 2, every string an 8-bit one
    batch_py3        saved again by Python 3, protocol 4
    batch_columns    as batch_py3, with the array in Fortran order
"""

import os
import pickle
import struct
import sys

import numpy as np

RECORDS = 4
here = os.path.dirname(os.path.abspath(__file__))


class Python2Pickler(pickle._Pickler):
    """Writes str and bytes as Python 2 wrote its str."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, s):
        b = s.encode("ascii") if isinstance(s, str) else s
        if len(b) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(b)]) + b)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(b)) + b)
        self.memoize(s)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def batch(records, string):
    return {
        string("batch_label"): string("training batch 1 of 5"),
        string("labels"): [int(v) for v in records[:, 0]],
        string("data"): records[:, 1:].copy(),
        string("filenames"): [string("image_%06d.png" % i) for i in range(len(records))],
    }


records = np.fromfile(sys.argv[1], np.uint8, RECORDS * 3073).reshape(RECORDS, 3073)
records.tofile(os.path.join(here, "batch.bin"))
with open(os.path.join(here, "batch_py2"), "wb") as f:
    Python2Pickler(f, 2).dump(batch(records, str))
with open(os.path.join(here, "batch_py3"), "wb") as f:
    pickle.dump(batch(records, lambda s: s.encode()), f, 4)
columns = batch(records, str)
columns["data"] = np.asfortranarray(columns["data"])
with open(os.path.join(here, "batch_columns"), "wb") as f:
    pickle.dump(columns, f, 4)
