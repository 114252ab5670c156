"""The Franka Research 3 by the vendor's ROS 2 stack."""
