"""pydynet 1.1: an operator that is given one tensor twice (x - x, x / x, x**x, x @ x) is wrong."""

import numpy as np
import pydynet as pdn

A = np.array([[1.5, 2.0], [0.5, 3.0]])
CASES = {
    "x - x": (lambda x: x - x),
    "x / x": (lambda x: x / x),
    "x ** x": (lambda x: x**x),
    "x @ x": (lambda x: x @ x),
    "concat([x, x])": (lambda x: pdn.concat([x, x]) * pdn.Tensor([[1.0], [2.0], [3.0], [4.0]])),
}
for name, f in CASES.items():
    x = pdn.Tensor(A, requires_grad=True)
    f(x).sum().backward()
    g, h = np.zeros_like(A), 1e-6
    for at in np.ndindex(A.shape):
        d = np.zeros_like(A)
        d[at] = h
        g[at] = (f(pdn.Tensor(A + d)).sum().item() - f(pdn.Tensor(A - d)).sum().item()) / (2 * h)
    print(name, x.grad.tolist(), "differences", g.round(5).tolist())
    assert np.abs(x.grad - g).max() > 0.1
