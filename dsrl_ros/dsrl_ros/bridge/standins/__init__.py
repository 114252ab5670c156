"""Small stand-ins for ROS packages that no wheel carries, each named after what it stands in for.

Each offers only the calls used here; the real package is taken wherever it is installed.
"""
