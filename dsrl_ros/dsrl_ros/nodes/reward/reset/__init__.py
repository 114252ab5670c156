"""A reset between episodes, step by step."""
