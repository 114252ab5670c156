"""What a terminal shows of a run: the live panel, progress bars, single keys; no ROS."""
