"""The policy node: the frozen policy as an action server."""
