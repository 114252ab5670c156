"""The recorder node: one rosbag2 per episode."""
