"""pydynet 1.1: the gradient of x**2 is nan at 0, where it is 0."""

import numpy as np
import pydynet as pdn

x = pdn.Tensor(np.array([0.0, 3.0]), requires_grad=True)
(x**2).sum().backward()
print(x.grad, "should be [0 6]")
assert np.isnan(x.grad[0])
