"""pydynet 1.1: the gradient of minimum is 0 everywhere; that of abs raises TypeError."""

import numpy as np
import pydynet as pdn

x, y = (pdn.Tensor(np.array(v), requires_grad=True) for v in ([1.0, 5.0], [3.0, 2.0]))
pdn.minimum(x, y).sum().backward()
print(x.grad, y.grad, "should be [1 0] [0 1]")
assert not x.grad.any()
assert not y.grad.any()
x = pdn.Tensor(np.array([1.0, -2.0]), requires_grad=True)
try:
    pdn.abs(x).sum().backward()
except TypeError as error:
    print("abs:", error)
else:
    raise AssertionError
