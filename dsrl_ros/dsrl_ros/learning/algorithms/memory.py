"""How the process deals with the memory that gradient steps free and ask for again."""

from __future__ import annotations

import ctypes
import platform

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The most that glibc takes for the second; larger pieces go back as they are freed.
_TRIM_BYTES, _MMAP_BYTES = 1 << 30, 32 << 20


def keep_freed_memory() -> None:
    """Let glibc keep up to 1 GiB of freed memory for the next gradient step.

    By default it hands the activations and gradients of each step back to the kernel, which hands
    them out again page by page, zeroed: a tenth of a step at 3 x 256. Does nothing elsewhere.
    """
    if platform.libc_ver()[0] == 'glibc':
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
