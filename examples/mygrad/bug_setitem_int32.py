"""mygrad 2.5.0: x[i] = b with an index of int32 that has repeats gives b a wrong gradient."""

import mygrad as mg
import numpy as np


def total(b: np.ndarray, kind: type) -> mg.Tensor:
    x = mg.zeros(2, dtype=float)
    x[np.array([0, 0], kind)] = b  # the second entry of b overwrites the first
    return x.sum()


def gradient(kind: type) -> np.ndarray:
    b = mg.tensor([1.0, 2.0])
    total(b, kind).backward()
    return b.grad


h, b = 1e-3, np.array([1.0, 2.0])
true = [(total(b + d, np.int32) - total(b - d, np.int32)).item() / (2 * h) for d in h * np.eye(2)]
print("int64", gradient(np.int64), "int32", gradient(np.int32), "differences", np.round(true, 6))
assert np.allclose(true, [0, 1])
assert np.allclose(gradient(np.int32), [1, 1])
