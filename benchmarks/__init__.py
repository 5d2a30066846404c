"""Side-by-side timings of the layers written by hand and PyTorch. Never asserted in a test."""
