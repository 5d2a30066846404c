"""liger-kernel 0.8.5: multi-token attention with stride 2 has no backward pass for even lengths.

`conv_transpose2d` is called without `output_padding`, so the gradient is a row and a column short.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerMultiTokenAttentionFunction

scores = torch.randn(1, 1, 4, 4, requires_grad=True)
weight = torch.randn(1, 1, 1, 1, requires_grad=True)
y = LigerMultiTokenAttentionFunction.apply(scores, weight, None, 2)
message = ""
try:
    y.sum().backward()
except RuntimeError as error:
    message = str(error)
print(tuple(y.shape), message)
assert "must match" in message
