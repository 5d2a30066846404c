"""pypose 0.9.5: AdjT of SE3 and Sim3 has a wrong backward pass, for X and for a."""

import pypose as pp
import torch

torch.manual_seed(0)
for name in ("SO3", "RxSO3", "SE3", "Sim3"):
    X = getattr(pp, f"randn_{name}")(dtype=torch.float64)
    a = getattr(pp, f"randn_{name.lower()}")(dtype=torch.float64).tensor().requires_grad_()
    w = torch.randn_like(a)
    kind = getattr(pp, name.lower())

    def loss(vector: torch.Tensor, X=X, kind=kind, w=w) -> torch.Tensor:
        return (X.AdjT(kind(vector)).tensor() * w).sum()

    (given,) = torch.autograd.grad(loss(a), a)
    h = 1e-6 * torch.eye(len(a), dtype=a.dtype)  # AdjT is linear in a: differences are exact
    true = torch.stack([(loss(a + e) - loss(a - e)) / 2e-6 for e in h]).detach()
    print(name, "\n  pypose     ", given.numpy().round(4), "\n  differences", true.numpy().round(4))
    wrong = (given - true).abs().max() > 0.01
    assert wrong == (name in ("SE3", "Sim3"))
