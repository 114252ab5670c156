"""The name of every topic, service and action, once.

All names are relative, so that a namespace or a remapping moves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

# The decision loop.
POLICY_SPEC = 'policy_spec'  # PolicySpec, LATCHED: policy -> all
LEARNER_INFO = 'learner_info'  # LearnerInfo, LATCHED: trainer -> steering
RUN_INFO = 'run_info'  # RunInfo, LATCHED: steering -> all
OBSERVATION = 'observation'  # Observation, DECISION: steering -> recorder
NOISE = 'noise'  # Noise, DECISION: steering -> recorder
ACTION_CHUNK = 'action_chunk'  # ActionChunk, DECISION: steering -> driver
CHUNK_RESULT = 'chunk_result'  # ChunkResult, DECISION: driver -> steering, reward
REWARD = 'reward'  # Reward, DECISION: reward -> steering
REWARD_STATUS = 'reward_status'  # RewardStatus, STATUS: reward -> steering, `dsrl judge`
TRANSITION = 'transition'  # Transition, DECISION: steering -> trainer
TRANSITION_ACK = 'transition_ack'  # TransitionAck, DECISION: trainer -> steering
WEIGHTS = 'weights'  # SteeringWeights, WEIGHTS: trainer -> steering
EPISODE_RESULT = 'episode_result'  # EpisodeResult, DECISION: steering -> monitor, recorder
HEARTBEAT = 'heartbeat'  # Heartbeat, HEARTBEAT: steering -> driver
TRAINER_STATUS = 'trainer_status'  # TrainerStatus, STATUS: trainer -> monitor
DRIVER_STATUS = 'driver_status'  # DriverStatus, STATUS: driver -> steering, reward
DIAGNOSTICS = '/diagnostics'  # diagnostic_msgs/DiagnosticArray: the one absolute name, by custom

INFER = 'infer'  # action InferChunk, served by policy
INFER_BATCH = 'infer_batch'  # service InferBatch, served by policy
RESET_EPISODE = 'reset_episode'  # action ResetEpisode, served by reward

PLAN_MOTION = 'plan_motion'  # service PlanMotion, served by motion_planner
MOVE_ARM = 'move_arm'  # action MoveArm, served by driver
MOVE_GROUP = 'move_action'  # action moveit_msgs/MoveGroup, of a MoveIt stack that is running
RESUME = 'resume'  # std_srvs/Trigger, served by steering: tries a failed reset again

# A person's answer while a reset waits for the scene; std_srvs/Trigger, served by reward.
SCENE_READY = 'scene_ready'
SCENE_NOT_READY = 'scene_not_ready'

# The driver's own services; std_srvs/Trigger.
ESTOP = 'estop'
CLEAR = 'clear'  # clears latch and emergency stop
CLEAR_FAULT = 'clear_fault'  # clears the latch alone; a program may call it
RECOVER = 'recover'  # brings a robot out of its error state; call clear afterwards
ESTOP_SIGNAL = 'estop_signal'  # std_msgs/Bool, DECISION: true latches the emergency stop

# A person's verdict on the episode under way; std_srvs/Trigger, served by reward.
MARK_SUCCESS = 'mark_success'
MARK_FAILURE = 'mark_failure'
ABORT_EPISODE = 'abort_episode'
# A detector's verdict: std_msgs/Bool or TaskStatus, DETECTOR: user -> reward
SUCCESS = 'success'

# Offered by the hardware or its twin, whichever robot it is. The launch description of a robot
# remaps each name to that of the robot's own stack.
JOINT_STATES = 'joint_states'  # sensor_msgs/JointState, SENSOR
GRIPPER_STATES = 'gripper/joint_states'  # sensor_msgs/JointState, SENSOR
TRAJECTORY = 'joint_trajectory'  # trajectory_msgs/JointTrajectory, COMMAND
GRIPPER_COMMAND = 'gripper_command'  # sensor_msgs/JointState: finger position [m], COMMAND
TOOL_POSE = 'tool_pose'  # geometry_msgs/PoseStamped, SENSOR
OBJECT_POSE = '{name}_pose'  # geometry_msgs/PoseStamped, SENSOR: cube_pose, bowl_pose
CAMERA = 'camera/image_raw'  # sensor_msgs/Image, SENSOR; rendered only while subscribed to

# Offered only by a robot.
ROBOT_DESCRIPTION = 'robot_description'  # std_msgs/String, LATCHED: the robot's own URDF
SET_HARDWARE_STATE = 'controller_manager/set_hardware_component_state'  # service
SWITCH_CONTROLLER = 'controller_manager/switch_controller'  # service
# Of a Franka and its hand, whose name is `gripper` or one of the vendor's.
ROBOT_STATE = 'robot_state'  # franka_msgs/FrankaRobotState, FULL_RATE
ERROR_RECOVERY = 'error_recovery'  # action franka_msgs/ErrorRecovery
GRIPPER_STATES_OF = '{name}/joint_states'  # sensor_msgs/JointState, SENSOR, 15 Hz
GRIPPER_MOVE = '{name}/move'  # action franka_msgs/Move
GRIPPER_GRASP = '{name}/grasp'  # action franka_msgs/Grasp
GRIPPER_HOMING = '{name}/homing'  # action franka_msgs/Homing
GRIPPER_ACTION = '{name}/gripper_action'  # action control_msgs/GripperCommand
GRIPPER_STOP = '{name}/stop'  # service std_srvs/Trigger
# Of a CRISP controller.
TARGET_POSE = 'target_pose'  # geometry_msgs/PoseStamped, COMMAND
TARGET_JOINT = 'target_joint'  # sensor_msgs/JointState, COMMAND: what the null space follows

# Of an Interbotix X-series arm, by its `xs_sdk`.
XS_GROUP = 'commands/joint_group'  # interbotix_xs_msgs/JointGroupCommand, COMMAND
XS_SINGLE = 'commands/joint_single'  # interbotix_xs_msgs/JointSingleCommand, COMMAND
XS_TRAJECTORY = 'commands/joint_trajectory'  # unused here: a publisher is a rival controller
XS_INFO = 'get_robot_info'  # service RobotInfo
XS_MODES = 'set_operating_modes'  # service OperatingModes
XS_TORQUE = 'torque_enable'  # service TorqueEnable
XS_REBOOT = 'reboot_motors'  # service Reboot
XS_GET_REGISTERS = 'get_motor_registers'  # service RegisterValues
XS_SET_REGISTERS = 'set_motor_registers'  # service RegisterValues

# Offered only by the simulation.
TF = 'tf'  # tf2_msgs/TFMessage, TF: of the tool and the objects, where tf2_msgs is installed
CLOCK = 'clock'  # rosgraph_msgs/Clock, relative: one clock per namespace
TASK_STATUS = 'task_status'  # TaskStatus, DECISION: twin -> driver, reward
ADVANCE = 'advance'  # service Advance
SET_SCENE = 'set_scene'  # service SetScene


def remapped(node: Node, action: str) -> str:
    """Return the full name of an action after the node's remappings.

    rcl remaps topics and services, but not actions.

    Args:
        node: that serves the action or sends its goals.
        action: one of the names above.
    """
    return str(node.resolve_service_name(action))
