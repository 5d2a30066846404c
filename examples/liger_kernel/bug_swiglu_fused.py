"""liger-kernel 0.8.5: the fused gate-up Swiglu cannot be differentiated for three axes.

`swiglu_fused_gate_up_backward` returns its gradient with two axes, whatever the input had; its
docstring promises `[..., 2 * ffn_size]`.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerFusedGateUpSiLUMulFunction

x = torch.randn(2, 3, 8, requires_grad=True)
y = LigerFusedGateUpSiLUMulFunction.apply(x)
message = ""
try:
    y.sum().backward()
except RuntimeError as error:
    message = str(error)
print(tuple(x.shape), tuple(y.shape), message)
assert "got [6, 8] but expected shape compatible with [2, 3, 8]" in message
