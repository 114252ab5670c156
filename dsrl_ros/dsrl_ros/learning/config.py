"""The options of every learner: one typed, validated declaration."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.noise import num_rows
from dsrl_ros.core.options import check, option
from dsrl_ros.core.types import NoiseLayout, PolicySpec
from dsrl_ros.learning.steering.observation import ObservationSpec

ALGORITHMS = ('sac', 'na', 'best_of_n', 'rlpd', 'constant', 'prior')


@dataclass(frozen=True)
class LearnerConfig:
    """DSRL-SAC, DSRL-NA and the baselines (paper sections 4 and 5, appendices B and C).

    An algorithm leaves alone the options that it has no use for. Entropies are those of the
    normalised noise u = w / b_W in [-1, 1]^d, so that a target means the same stochasticity
    whatever b_W is. Zero is the spread of a uniform over half of an axis; ln 2 = 0.69 is the
    largest possible.
    """

    algorithm: str = option(
        'sac',
        'How the noise is chosen: sac and na learn an actor (paper sections 4.1 and 4.2); '
        'best_of_n takes the best of a few prior samples by an action critic; rlpd learns on '
        'actions, without the frozen policy; constant searches one noise for the whole task; '
        'prior learns nothing.',
        choices=ALGORITHMS,
    )

    # Networks
    hidden_size: int = option(128, 'Width of the hidden layers.', low=1, high=8192)
    num_layers: int = option(3, 'Number of hidden layers.', low=1, high=8)
    activation: str = option(
        'tanh', 'Activation after each hidden layer.', choices=('tanh', 'relu', 'gelu')
    )
    layer_norm: bool = option(True, 'LayerNorm before each activation, in actor and critics.')
    num_critics: int = option(2, 'Number of critics.', low=2, high=10)
    critic_reduction: str = option(
        'min',
        'How the critics become one value, in the target and in the actor loss.',
        choices=('min', 'mean', 'mean_minus_std'),
    )
    critic_std_weight: float = option(
        0.5, 'Standard deviations taken off the mean by mean_minus_std.', low=0.0, high=10.0
    )

    precision: str = option(
        'float32',
        'Number format of the matrix products; weights and sums stay float32.',
        choices=('float32', 'bfloat16'),
    )
    compile: bool = option(
        False,
        'Compile the networks with torch.compile: most of a minute at the start, for steps a few '
        'percent faster in bfloat16; needs a C++ compiler.',
    )
    device: str = option(
        'cpu',
        'Where data and networks of sac and rlpd lie; the others learn on the CPU.',
        choices=('cpu', 'cuda'),
    )

    # Images and features beside the state (C.5)
    image_channels: int = option(
        0, 'Channels of the image, all cameras together; 0 for no image.', low=0, high=256
    )
    image_height: int = option(0, 'Height of the image [pixels].', low=0, high=4096)
    image_width: int = option(0, 'Width of the image [pixels].', low=0, high=4096)
    num_features: int = option(
        0, "Entries of a given feature vector, say of a policy's own encoder.", low=0, high=10**6
    )
    encoder_channels: int = option(32, 'Channels of each convolution.', low=1, high=1024)
    encoder_size: int = option(
        50, 'Numbers that image and features each are brought down to.', low=1, high=4096
    )
    crop_padding: int = option(
        4, 'Largest shift of the random crops while learning [pixels]; 0 for none.', low=0, high=64
    )

    # Noise
    noise_layout: str = option(
        'full',
        'How the learned rows become the noise of a chunk.',
        choices=('full', 'repeated', 'basis'),
    )
    num_basis: int = option(3, 'Rows of the basis layout.', low=1, high=64)
    noise_magnitude: float = option(
        1.5, 'b_W: the actor chooses each noise entry within +/- b_W.', low=0.01, high=10.0
    )
    prior_scale: float = option(
        1.0, 'c: warm-up episodes draw their noise from N(0, c^2 I).', low=0.0, high=5.0
    )
    least_exploration: float = option(
        0.25,
        'Smallest share of its spread that the actor explores with: the share falls from 1 as '
        'fewer than 4 of the last 20 online episodes fail. 1 for the whole spread always, as rlpd '
        'has it.',
        low=0.0,
        high=1.0,
    )

    # DSRL-NA (Algorithm 1)
    noise_critic_steps: int = option(
        10, 'Noise-critic steps per round of `utd` action-critic steps.', low=1, high=1000
    )
    round_transitions: int = option(
        512,
        'Different transitions that one round learns from, drawn for it: bounds how often a '
        'round asks the frozen policy. 0 for any number.',
        low=0,
        high=10**8,
    )
    distill_noise: str = option(
        'mixed',
        'Where the noise critic is taught: at prior noise, at the actor, or half of each.',
        choices=('prior', 'actor', 'mixed'),
    )
    distill_samples: int = option(
        16, 'Pairs (noise, action) of the frozen policy kept per state.', low=1, high=1024
    )
    distill_cache_mb: int = option(
        512,
        'Memory for the pairs of replay_capacity states [MiB]; where it does not suffice, fewer '
        'are kept per state, down to none.',
        low=0,
        high=10**6,
    )

    # Baselines
    num_candidates: int = option(
        16, 'Noises to choose among: best_of_n per decision, constant per run.', low=1, high=4096
    )

    # Data
    offline_share: float = option(
        0.0,
        'Share of every batch that comes from offline data, while there is any; '
        '0 draws from all data alike, but half for rlpd.',
        low=0.0,
        high=1.0,
    )
    offline_steps: int = option(
        0, 'Gradient steps on offline data before the first episode.', low=0, high=10**9
    )

    # Returns
    discount: float = option(
        0.97, 'Discount of the value of the next observation.', low=0.0, high=1.0
    )
    discount_unit: str = option(
        'decision',
        'Whether the discount applies once per decision or once per executed step.',
        choices=('decision', 'step'),
    )
    backup_entropy: bool = option(False, 'Entropy bonus in the TD target (soft backup).')
    bound_values: bool = option(
        True, 'Keep the value of the next observation between value_low and value_high.'
    )
    value_low: float = option(0.0, 'Smallest return that the task can give.')
    value_high: float = option(1.0, 'Largest return that the task can give.')

    # Temperature
    temperature: float = option(
        0.03, 'Initial temperature of the entropy bonus, or the fixed one.', low=0.0, high=100.0
    )
    temperature_auto: bool = option(True, 'Adapt the temperature to the target entropy.')
    temperature_floor: float = option(
        0.002, 'Lower bound of an adapted temperature.', low=0.0, high=100.0
    )
    target_entropy_per_dim: float = option(
        -0.5, 'Target entropy per noise dimension [nats], of w / b_W.', low=-10.0, high=0.69
    )

    # Gradient steps
    actor_learning_rate: float = option(3e-4, 'Adam step size, actor.', low=0.0, high=1.0)
    critic_learning_rate: float = option(
        3e-4, 'Adam step size, critics and noise critics.', low=0.0, high=1.0
    )
    polyak: float = option(
        0.005, 'Share of the critics that enters the target critics per step.', low=0.0, high=1.0
    )
    batch_size: int = option(128, 'Transitions per gradient step.', low=1, high=65536)
    utd: int = option(20, 'Gradient steps per update.', low=1, high=1000)
    update_every: int = option(
        1,
        'Decisions from one update to the next (C.4.2 updates every other one).',
        low=1,
        high=1000,
    )
    actor_update_every: int = option(
        1, 'Critic steps per step of actor and temperature.', low=1, high=100
    )
    start_transitions: int = option(
        0, 'Transitions in the replay before the first gradient step.', low=0, high=10**9
    )
    replay_capacity: int = option(
        100_000, 'Transitions kept; the oldest go first.', low=1, high=10**8
    )

    def __post_init__(self) -> None:
        check(self)
        if self.temperature_auto and self.temperature < max(self.temperature_floor, 1e-8):
            raise ConfigError(
                f'temperature: got {self.temperature}, expected more than 0 and at least '
                f'temperature_floor ({self.temperature_floor}) when it is adapted. '
                'Raise it, or set temperature_auto to false.'
            )
        if self.device != 'cpu' and self.algorithm not in ('sac', 'rlpd'):
            raise ConfigError(
                f'device: got {self.device} with algorithm {self.algorithm}, expected cpu: only '
                'sac and rlpd learn elsewhere.'
            )
        if self.value_low >= self.value_high:
            raise ConfigError(
                f'value_low: got {self.value_low}, expected less than value_high '
                f'({self.value_high}): they are the smallest and largest return of the task.'
            )
        image = (self.image_channels, self.image_height, self.image_width)
        if any(image) and not all(image):
            raise ConfigError(
                f'image_channels, image_height, image_width: got {image}, expected all of them '
                'more than 0, or all 0 for no image.'
            )
        if 0.0 < self.offline_share * self.batch_size < 1.0:
            raise ConfigError(
                f'offline_share: got {self.offline_share} of a batch of {self.batch_size}, '
                'expected at least one transition of it, or 0. Raise one of them.'
            )
        if self.start_transitions > self.replay_capacity:
            raise ConfigError(
                f'start_transitions: got {self.start_transitions}, expected at most '
                f'replay_capacity ({self.replay_capacity}), or learning never starts.'
            )

    @property
    def layout(self) -> NoiseLayout:
        """The noise layout as the typed word of the suite."""
        return NoiseLayout[self.noise_layout.upper()]

    def observation_spec(self, spec: PolicySpec) -> ObservationSpec:
        """Return the parts of an observation for a policy.

        Raises:
            ConfigError: images too small for the encoder.
        """
        image = (self.image_channels, self.image_height, self.image_width)
        return ObservationSpec(spec.state_dim, self.num_features, image if all(image) else None)

    def noise_shape(self, spec: PolicySpec) -> tuple[int, int]:
        """Return (R, A), the shape of the noise rows that are learned for a policy.

        Raises:
            ConfigError: the layout does not fit the horizon.
        """
        return num_rows(self.layout, spec.horizon, self.num_basis), spec.action_dim

    def transition_discount(self, num_executed: int) -> float:
        """Return the discount of one transition.

        Args:
            num_executed: steps of the chunk that were executed; fewer when an episode ended
                inside it.
        """
        return self.discount ** (num_executed if self.discount_unit == 'step' else 1)
