"""The simulation twin of a robot."""
