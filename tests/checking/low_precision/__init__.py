"""Twenty kernels in low precision, right and with one of three mistakes of arithmetic."""
