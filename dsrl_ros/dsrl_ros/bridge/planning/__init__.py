"""Planners of motions outside of an episode, one file each; which there are stands in `choose`."""
