"""The reward node: rewards of executed chunks, and resets between episodes."""
