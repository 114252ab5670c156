"""Transitions in memory and on disk: the replay buffer and datasets."""
