"""Trajectories: from the rows of a chunk, or the goal of a move, to splines."""
