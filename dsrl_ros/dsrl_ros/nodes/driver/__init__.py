"""The driver node: the only one that commands the robot."""
