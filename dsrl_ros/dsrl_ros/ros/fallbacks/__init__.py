"""Small replacements of ROS packages that have no wheel."""
