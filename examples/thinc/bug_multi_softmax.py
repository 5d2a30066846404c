"""thinc 9.1.1: MultiSoftmax returns the logits, no softmax (a wrong forward)."""

import numpy as np
from thinc.api import MultiSoftmax

model = MultiSoftmax((2, 3), nI=2)
model.set_param("W", np.ones((5, 2), "f"))
model.set_param("b", np.arange(5, dtype="f"))
Y, _ = model(np.ones((1, 2), "f"), is_train=False)
print("Y", Y, "sums of the two distributions", Y[:, :2].sum(), Y[:, 2:].sum())
assert Y[:, :2].sum() == 5 and Y[:, 2:].sum() == 15  # true: 1 and 1
