"""entmax 1.3: with one alpha for each row, as documented, the loss has a wrong shape (forward)."""

import torch
from entmax import entmax_bisect_loss

torch.manual_seed(0)
x, target = torch.randn(3, 4), torch.tensor([0, 1, 2])
alpha = torch.tensor([[1.3], [1.5], [1.7]])
together = entmax_bisect_loss(x, target, alpha)
alone = torch.cat([entmax_bisect_loss(x[[i]], target[[i]], float(alpha[i])) for i in range(3)])
print("for each row alone", alone.tolist(), "\nwith a tensor alpha", together.tolist())
assert alone.shape == (3,) and together.shape == (3, 3)
