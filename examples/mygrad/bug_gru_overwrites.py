"""mygrad 2.5.0: gru's backward pass overwrites the gradient that it is given (needs numba)."""

import mygrad as mg
import numpy as np
from mygrad.nnet.layers.gru import gru

r = np.random.default_rng(0)
given = [mg.tensor(r.normal(size=s)) for s in [(4, 2, 2)] + [(2, 3), (3, 3), (3,)] * 3]
y = gru(*given)
dy = np.ones(y.shape)
y.backward(dy)
print(dy[1, 0], "was all ones")
assert not (dy == 1).all()
