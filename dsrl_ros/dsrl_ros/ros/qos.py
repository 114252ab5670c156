"""Every QoS profile of the suite, once."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


def _latched(depth: int) -> QoSProfile:
    """Return a profile by which a node started later still receives the newest `depth`."""
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


# Raw sensor streams: a late sample is worthless, the newest few are enough.
SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

# The same, for numbers that a policy looks back at: in lockstep samples come in bursts, and one
# that is lost because the queue is full is not sent again.
LOOKED_BACK_AT = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)

# The same at 1 kHz, of which only the newest is read.
FULL_RATE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# The decision loop: losing one message loses a transition.
DECISION = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# Facts that a node started later must still receive.
LATCHED = _latched(1)

# Weights: in lockstep an episode needs exactly those that the plan names, so none may be replaced
# by the next before it was received.
WEIGHTS = _latched(8)

# Commands to a controller: only the newest counts, and it must arrive.
COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Verdicts of a detector: only the newest counts, and it must arrive.
DETECTOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Heartbeats: only the newest counts; a lost one is treated as silence.
HEARTBEAT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# Status for people and for the monitor.
STATUS = _latched(1)

# As tf2's own listeners and broadcasters.
TF = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
