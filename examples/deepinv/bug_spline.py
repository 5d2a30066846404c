"""deepinv 0.5.0: two linear splines have wrong gradients."""

import torch
from deepinv.models.deal import LinearSpline, LinearSplineDerivativeFunc

torch.manual_seed(0)
# 1. a spline of one knot is a constant, but its backward takes the neighbour's coefficient
spline = LinearSpline(num_activations=2, num_knots=1, x_min=-1, x_max=1, init=1.0, clamp=False)
with torch.no_grad():
    spline.coefficients.copy_(torch.tensor([[1.0], [3.0]]))
x = torch.randn(2, 2, 3, 3, requires_grad=True)
y = spline(x)
print("one knot: y has the values", y.unique().tolist())
try:
    y.sum().backward()
    print("gradient of coefficients", spline.coefficients.grad.flatten().tolist(), "true [18, 18]")
except (RuntimeError, IndexError) as error:
    print("backward raised", str(error)[:100])
# 2. the derivative of a spline: the gradient of the coefficients ignores the incoming gradient
c = torch.randn(4, requires_grad=True)
args = torch.tensor([-1.0]), torch.tensor([1.0]), 4, torch.tensor([0])
x = torch.rand(1, 1, 1, 2, 2)
grads = []
for factor in (1.0, 5.0):
    y = LinearSplineDerivativeFunc.apply(x, c, *args)
    grads += torch.autograd.grad(factor * y.sum(), c)
print("for dy = 1", grads[0].tolist(), "\nfor dy = 5", grads[1].tolist())
assert torch.equal(*grads) and grads[0].abs().max() > 0
