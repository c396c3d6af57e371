"""How long servers ask to wait, and how long is waited where they do not say."""

import email.utils
import time

import pytest

from pipelines.waiting import random_delay, retry_after


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "\u00b2", "Mon, 99 Jan 2030 00:00:00 GMT"])
def test_what_names_no_time_is_no_wait(value):
    assert retry_after(value) is None


def test_seconds_and_dates():
    assert retry_after(" 120 ") == 120.0
    in_a_minute = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 55 < retry_after(in_a_minute) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_delays_grow_up_to_the_longest():
    for failures, most in [(1, 1.0), (3, 4.0), (9, 60.0), (5000, 60.0)]:
        drawn = [random_delay(failures, 1.0, 60.0) for _ in range(200)]
        assert min(drawn) >= 0.0
        assert most / 2 < max(drawn) <= most
