"""Planners of the motions of a reset: moveit_py, move_group, or plain interpolation."""
