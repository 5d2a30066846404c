"""mygrad 2.5.0: norm's gradient is nan at zeros, where nan_to_num=True promises zeros."""

import mygrad as mg
import numpy as np

x = mg.tensor([[0.0, 0.0], [3.0, 4.0]])
mg.linalg.norm(x, axis=1, nan_to_num=True).backward()
z = mg.tensor([0.0, 4.0])
mg.linalg.norm(z, 0.5, nan_to_num=True).backward()
print(x.grad, z.grad)
assert np.isnan(x.grad[0]).all()
assert np.isnan(z.grad[0])
