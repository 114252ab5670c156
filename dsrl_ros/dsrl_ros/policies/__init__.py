"""Frozen policies: the protocol, the kinds, their files, and training a small one."""
