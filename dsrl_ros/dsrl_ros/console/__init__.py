"""The terminal: live panel, progress bars and single keys. No ROS."""
