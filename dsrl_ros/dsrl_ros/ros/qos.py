"""Every QoS profile of the suite, once."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# Raw sensor streams: a late sample is worthless, the newest few are enough.
SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

# The same, of numbers, where one looks back: in lockstep, where samples come in bursts, one that
# is lost for want of room is not sent again.
LOOKED_BACK_AT = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)

# The same at 1 kHz, of which only the newest is ever looked at.
FULL_RATE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# The decision loop: losing one message loses a transition.
DECISION = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# Facts that a node started later must still learn.
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# Weights: in lockstep an episode needs just the ones the plan names, so none may be pushed out by
# the next before it was taken.
WEIGHTS = QoSProfile(
    depth=8,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# Commands to a controller: only the newest counts, and it must arrive.
COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Words of a detector: only the newest counts, and it must arrive.
DETECTOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Signs of life: only the newest counts; a lost one is silence and is treated as such.
HEARTBEAT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# State for people and for the monitor.
STATUS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# What tf2's own listeners and broadcasters use.
TF = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
