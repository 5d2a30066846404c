"""pydynet 1.1: rows that are looked up twice get the gradient of the last look-up only."""

import numpy as np
import pydynet as pdn
from pydynet.nn import functional as pf

W = np.arange(6.0).reshape(3, 2)
ids, weights = pdn.Tensor(np.array([0, 0, 2])), pdn.Tensor(np.array([[1.0], [10.0], [100.0]]))


def loss(w: pdn.Tensor) -> pdn.Tensor:
    return (pf.embedding(ids, w, None) * weights).sum()


w = pdn.Tensor(W, requires_grad=True)
loss(w).backward()
d = np.zeros_like(W)
d[0, 0] = 1e-6
true = (loss(pdn.Tensor(W + d)).item() - loss(pdn.Tensor(W - d)).item()) / 2e-6
print(w.grad.tolist(), "differences at [0, 0]", round(true, 5))
assert round(true, 3) == 11
assert w.grad[0, 0] == 10
