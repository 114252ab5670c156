"""A run: its folder, the rollout loop, training, checkpoints and the report."""
