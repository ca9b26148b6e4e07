# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Memory of processes, on Linux."""

from contextlib import suppress
from pathlib import Path


def peak_memory() -> int:
    """Peak resident memory of this process in KiB."""
    # Unlike getrusage, this does not count what the parent needed.
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmHWM:')[1].split()[0])


def reset_peak_memory() -> int:
    """Forget the peak so far.

    Returns:
        What is in use now, in KiB.
    """
    with suppress(OSError):
        # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
        Path('/proc/self/clear_refs').write_text('5')
    return peak_memory()
