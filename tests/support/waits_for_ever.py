"""A module whose import never ends, as if a disk did not answer."""

import signal

while True:
    signal.pause()
