"""Steps that workers can import."""

import os
import signal
import sys
import time
from pathlib import Path

from kc_schema.errors import UserError


class DamagedError(UserError):
    pass


def square(value):
    return value * value


def count_modules(_):
    return "apache_beam" in sys.modules


def refuse(value):
    raise DamagedError(f"dump.xml: byte {value}: damaged; download it again")


def divide(value):
    return value / 0


def look_up(value):
    return [1, 2][value]


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_beside(folder, seconds):
    """Leave a file named after the process, then sleep."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(seconds)
    return seconds


def process_id(_):
    return os.getpid()


def write_square(folder, value):
    (Path(folder) / str(value)).write_text(str(value * value))


def write_square_with(folder, size, value):
    """Do as `write_square` while so many bytes are held."""
    held = bytearray(os.urandom(1000)) * (size // 1000)
    write_square(folder, value)
    return len(held)


def read_square(folder, value):
    path = Path(folder) / str(value)
    return int(path.read_text()) if path.exists() else None
