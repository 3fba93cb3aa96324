"""Leases: one worker a run, taken over when its process is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from detstudy.ledger import LeaseHeldError, drop_stale_lease, is_lease_live, lease
from detstudy.ledger.codec import FORMAT
from detstudy.ledger.lease import STALE_SECONDS, Lease, describe_process


def test_a_lease_is_held_once_and_given_back(tmp_path: Path) -> None:
    with Lease(tmp_path):
        assert is_lease_live(tmp_path)
        with pytest.raises(LeaseHeldError), Lease(tmp_path):
            pass
        assert is_lease_live(tmp_path)
    assert not is_lease_live(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from detstudy.ledger.lease import Lease\n"
    code += "with Lease(Path(sys.argv[1])): os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / "lease.json").exists()
    assert not is_lease_live(tmp_path)
    with Lease(tmp_path):
        assert is_lease_live(tmp_path)


def test_what_a_dead_worker_left_is_dropped_and_what_a_live_one_holds_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({**asdict(describe_process()), "started": 1.0}))
    drop_stale_lease(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with Lease(tmp_path):
        drop_stale_lease(tmp_path)
        assert path.exists()


def test_another_host_is_believed_while_its_heart_beats(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}))
    assert is_lease_live(tmp_path)
    old = path.stat().st_mtime - STALE_SECONDS - 1
    os.utime(path, (old, old))
    assert not is_lease_live(tmp_path)


def test_a_lease_says_its_format_and_version_0_1_said_none(tmp_path: Path) -> None:
    with Lease(tmp_path):
        content = json.loads((tmp_path / "lease.json").read_text())
    assert content["format_version"] == FORMAT
    for plain in (content, asdict(describe_process())):
        (tmp_path / "lease.json").write_text(json.dumps(plain))
        assert is_lease_live(tmp_path)


def test_a_pid_given_to_another_process_is_no_holder(tmp_path: Path) -> None:
    import socket

    content = {"host": socket.gethostname(), "pid": os.getpid(), "started": 1.0}
    (tmp_path / "lease.json").write_text(json.dumps(content))
    assert not is_lease_live(tmp_path)


def test_a_pipe_in_place_of_a_lease_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lease.json")
    is_lease_live(tmp_path)  # whatever it says: it comes back


def test_a_damaged_lease_does_not_hold_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text('{"host": "els')
    old = path.stat().st_mtime - STALE_SECONDS
    os.utime(path, (old, old))
    with Lease(tmp_path):
        assert is_lease_live(tmp_path)


def test_a_stopped_clock_elsewhere_does_not_hold_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.1)
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}))
    future = time.time() + 10 * STALE_SECONDS
    os.utime(path, (future, future))
    with Lease(tmp_path):
        assert is_lease_live(tmp_path)


def test_what_looks_stale_but_beats_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.2)
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}))
    old = time.time() - 10 * STALE_SECONDS  # the other machine's clock is behind
    os.utime(path, (old, old))
    beat = threading.Timer(0.2, os.utime, (path, (old + 1, old + 1)))
    beat.start()
    assert not is_lease_live(tmp_path)
    with pytest.raises(LeaseHeldError, match="elsewhere"), Lease(tmp_path):
        pass
    beat.join()


def test_setting_the_clock_kills_no_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lease(tmp_path):
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 1e6)
        assert is_lease_live(tmp_path)


def test_a_pid_in_another_container_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({**asdict(describe_process()), "pids": "pid:[1]", "pid": 2**22 + 1}))
    assert is_lease_live(tmp_path)  # by its heartbeat alone


def test_a_lease_without_a_start_is_live_no_longer_than_its_process_and_its_heartbeat(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with subprocess.Popen(["sleep", "60"]) as process:
        path.write_text(json.dumps({**asdict(describe_process()), "pid": process.pid, "started": None}))
        assert is_lease_live(tmp_path)
        old = path.stat().st_mtime - STALE_SECONDS
        os.utime(path, (old, old))
        assert not is_lease_live(tmp_path)
        os.utime(path)
        process.kill()
    assert not is_lease_live(tmp_path)
    with Lease(tmp_path):
        assert is_lease_live(tmp_path)
