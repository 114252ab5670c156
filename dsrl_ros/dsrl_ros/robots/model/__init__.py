"""What a robot is: description, limits, URDF and kinematics."""
