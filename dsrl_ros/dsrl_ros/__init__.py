"""DSRL for ROS 2: steer a frozen diffusion or flow policy by learning its starting noise."""

__version__ = '0.1.0'
