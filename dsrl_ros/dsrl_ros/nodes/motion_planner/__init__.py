"""The motion planner node: motions of a reset."""
