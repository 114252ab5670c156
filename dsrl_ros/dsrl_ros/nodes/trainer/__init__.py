"""The trainer node: replay, gradient steps, checkpoints and weights."""
