"""normflows 1.7.3: a residual block weighs every sample's log-determinant by the first's weight.

The memory-efficient estimator's backward takes `grad_logdetgrad[0]` for the whole batch.
"""

import normflows as nf
import torch

torch.manual_seed(0)
net = nf.nets.LipschitzMLP([2, 8, 2], lipschitz_const=0.5)
for p in net.parameters():
    p.data.normal_()
x = torch.randn(3, 2)
found = {}
for saving in (True, False):  # reduce_memory only; both are meant to be the same function
    flow = nf.flows.Residual(net, reduce_memory=saving, exact_trace=False, n_samples=1).train()
    for sample in range(3):
        torch.manual_seed(1)  # the same random probes and the same random number of terms
        at = x.clone().requires_grad_()
        log_det = flow(at)[1]
        (found[saving, sample],) = torch.autograd.grad(log_det[sample], at)
for sample in range(3):
    print(f"d log_det[{sample}] / dx: with reduce_memory", found[True, sample].tolist())
    print("                        without           ", found[False, sample].tolist())
assert (found[True, 1] == 0).all() and found[False, 1][1].abs().max() > 1e-3
