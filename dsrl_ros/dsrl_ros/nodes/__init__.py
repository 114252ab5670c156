"""Thin nodes, one role per file: declare config, build the core object, convert, call, publish."""

import os

# Before anything imports numpy or torch, which read these once: eight processes share the cores,
# and one that takes two threads halves the speed of the others.
for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_name, '1')
