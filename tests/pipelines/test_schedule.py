"""The container's schedule: the first refresh at once, the next ones by a crontab that says the same command."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docker" / "refresh-on-schedule.sh"
# Stands for the scheduler where it is not installed: it prints the crontab, and runs its command once as cron would.
ONCE = """#!/bin/sh
for crontab; do :; done
case "$*" in *-test*) exit 0 ;; esac
cut -d' ' -f1-5 "$crontab"
sh -c "$(cut -d' ' -f6- "$crontab")"
"""
KC = """#!/bin/sh
printf '<%s>' "$@"
echo
exit 75
"""


def run(tmp_path, *arguments, scheduler, **environment):
    programs = tmp_path / "bin"
    programs.mkdir()
    found = {"kc": KC, **({"supercronic": scheduler} if scheduler else {})}
    for name, text in found.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", SCRIPT, *arguments], env={**os.environ, "PATH": path, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_both_refreshes_get_the_arguments_as_they_were_given(tmp_path):
    arguments = ["--root", "/corpora/it's here", "--notify-command=echo \"$KC_STATUS\" '100%'"]
    done = run(tmp_path, *arguments, scheduler=ONCE, REFRESH_SCHEDULE="5 6 * * 1")
    called = "".join(f"<{argument}>" for argument in ["refresh", *arguments])
    assert done.stdout.splitlines() == [
        called,
        "the first refresh ended with status 75; the next ones begin at 5 6 * * 1",
        "5 6 * * 1",
        called,
    ]


@pytest.mark.skipif(shutil.which("supercronic") is None, reason="supercronic is not installed")
def test_the_scheduler_takes_the_crontab(tmp_path):
    done = run(tmp_path, "--root", "it's", scheduler=None, REFRESH_SCHEDULE="whenever")
    assert done.returncode == 1
    assert "bad crontab line" in done.stderr
    assert not done.stdout


def test_compose_and_image_name_what_is_there():
    image = (ROOT / "docker" / "text-corpus.Dockerfile").read_text()
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    assert f"docker/{SCRIPT.name}" in image
    assert f"entrypoint: [{SCRIPT.stem}]" in compose
    [schedule] = re.findall(r"REFRESH_SCHEDULE:-([^}]+)\}", compose)
    assert f"REFRESH_SCHEDULE:-{schedule}}}" in SCRIPT.read_text()
