"""Learning to steer: networks, DSRL-SAC, replay, pacing, checkpoints and noise choosers.

`actor`, `choosers`, `config`, `pacing` and `seeding` need numpy only: a node that merely acts
saves itself torch.
"""
