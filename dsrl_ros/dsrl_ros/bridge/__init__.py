"""Between ROS messages and the library: names, QoS, parameters, conversions, node life."""
