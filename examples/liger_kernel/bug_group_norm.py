"""liger-kernel 0.8.5: GroupNorm of numbers that are large beside their spread is NaN, or wrong.

The variance is computed as E[x²] − E[x]² in float32, and is negative where it cancels.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerGroupNormFunction

weight, bias = torch.ones(1), torch.zeros(1)
wrong = []
for middle in (0.0, 100.0, 1000.0, 3000.0, 10000.0):
    torch.manual_seed(1)
    x = middle + 0.1 * torch.randn(8, 1, 64)
    y = LigerGroupNormFunction.apply(x, weight, bias, 1, 1, 1e-6)
    right = torch.nn.functional.group_norm(x.double(), 1, eps=1e-6)
    wrong.append((y - right).abs().max().item())
    print(f"mean {middle}: Liger {y[0, 0, :3].tolist()}, right {right[0, 0, :3].tolist()}")
print("largest errors", wrong)
assert wrong[0] < 1e-5 and not wrong[2] < 0.1
