"""The errors of the suite. Each text names what, got, expected, and what to do."""


class DsrlError(Exception):
    """Base of every error that the suite raises on purpose."""


class ConfigError(DsrlError, ValueError):
    """A configuration that a user can fix: unknown key, wrong type, value out of range."""


class ShapeMismatchError(DsrlError, ValueError):
    """An array whose shape, names or layout do not fit the `PolicySpec`."""


class NonFiniteError(DsrlError, ValueError):
    """A NaN or an infinity where only finite numbers are allowed."""


class PolicyLoadError(DsrlError):
    """A policy file that is missing, corrupt, of another shape, or of another hash."""


class PolicyOutputError(DsrlError):
    """A frozen policy that returned a non-finite or absurdly large action."""


class PolicyUnavailableError(DsrlError):
    """A frozen policy in another process that does not answer, or refuses to."""


class WeightsError(DsrlError):
    """Steering weights that are corrupt, non-finite, or made for another policy."""


class CheckpointError(DsrlError):
    """A checkpoint that is incomplete, corrupt, or made under another configuration."""


class DatasetError(DsrlError):
    """A file of transitions that is missing, corrupt, or made for another policy or robot."""


class ClassifierError(DsrlError):
    """A success classifier, or the images to train one, that is missing, corrupt or of no use."""


class StaleDataError(DsrlError):
    """Data older than its allowed age."""


class DriverError(DsrlError):
    """The robot, its controller or its twin did not do what was commanded."""
