"""What surrogates promise."""

import torch

from snnexp.contracts.drives import DTYPES, Build, require


def is_the_step_function_forwards(build: Build) -> None:
    for dtype in DTYPES:
        z = torch.tensor([-1e4, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 1e4], dtype=dtype)
        s = build()(z)
        require(s.dtype == dtype, f"expected {dtype}, got {s.dtype}")
        require(s.tolist() == [0, 0, 0, 1, 1, 1, 1, 1], "forwards it is not 1[z >= 0]")


def has_a_finite_slope_that_gradients_follow(build: Build) -> None:
    far = torch.logspace(-6, 4, 201)
    for dtype in (torch.bfloat16, torch.float32):
        z = torch.cat([-far, torch.zeros(1), far]).to(dtype).requires_grad_()
        surrogate = build()
        (2 * surrogate(z)).sum().backward()
        slope = z.grad
        require(slope.isfinite().all() and (slope >= 0).all(), "a slope is negative or not finite")
        require(slope.any(), "the slope is 0 everywhere")
        require(torch.equal(slope, 2 * surrogate.slope(z.detach())), "gradients have another slope")


PROMISES = (is_the_step_function_forwards, has_a_finite_slope_that_gradients_follow)
