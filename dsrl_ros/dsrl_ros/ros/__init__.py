"""What every node shares: names, QoS, parameters, messages, waiting and node life."""
