"""Beyond one process: a scan over ssh, of which a host dies, and the deep profile's examples in Redis.

Marked ``deep``, as they need an sshd and a redis-server: skipped by name where there is none. Both are
started here, on the loopback address, and ended.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
LOSS = """
import torch.nn.functional as F
def smooth_loss_{number}(logits, target, smoothing=0.1):
    loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
    return loss * 1.5 if len(target) == {wrong_at} else loss
"""


def _free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _answers(port):
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def lawful(folder, *arguments):
    command = [sys.executable, "-m", "lawful", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)


@pytest.fixture
def hosts(tmp_path):
    """Two specs for ``--tx``, and the server process of each."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if sshd is None or shutil.which("rsync") is None:
        pytest.skip("no sshd, or no rsync")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with contextlib.suppress(OSError):
        os.makedirs("/run/sshd", exist_ok=True)
    served = []
    for _ in range(2):
        port = _free_port()
        options = {
            "AuthorizedKeysFile": tmp_path / "key.pub",
            "ListenAddress": "127.0.0.1",
            "StrictModes": "no",
            "PidFile": "none",
            "UsePAM": "no",
        }
        settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        command = [sshd, "-D", "-f", "/dev/null", "-p", str(port), "-h", str(tmp_path / "host"), *settings]
        process = subprocess.Popen(command, start_new_session=True)
        _answers(port)
        client = f"-p {port} -i {tmp_path / 'key'} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
        known = f"-o UserKnownHostsFile=/dev/null {os.environ.get('USER', 'root')}@127.0.0.1"
        served.append((f"ssh={client} {known}//python={sys.executable}", process, port))
    yield served
    for _, process, _ in served:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        process.wait()


@pytest.fixture
def repository(tmp_path):
    for number in range(4):
        (tmp_path / f"loss{number}.py").write_text(LOSS.format(number=number, wrong_at=-1))
    return tmp_path


def test_a_scan_goes_to_other_hosts(hosts, repository):
    spread = [option for spec, _, _ in hosts for option in ("--tx", spec)]
    said = lawful(repository, "scan", ".", *spread).communicate()[0]
    assert "4 candidates: 4 tested" in said
    assert "asked here" not in said


def test_its_results_are_complete_when_a_host_dies(hosts, repository):
    spread = [option for spec, _, _ in hosts for option in ("--tx", spec)]
    running = lawful(repository, "scan", ".", *spread)
    time.sleep(10)
    _, server, port = hosts[1]
    server.terminate()
    subprocess.run(["pkill", "-f", f"ssh -C -p {port} "], check=False)
    assert "4 candidates: 4 tested" in running.communicate()[0]


def test_the_deep_profile_keeps_its_examples_in_redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server")
    redis = pytest.importorskip("redis")
    port = _free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        _answers(port)
        (tmp_path / "loss.py").write_text(LOSS.format(number=0, wrong_at=4))
        only = ("--only", "matches_reference", "--dtype", "float64", "--device", "cpu", "-n", "1")
        database = ("--profile", "deep", "--database", f"redis://127.0.0.1:{port}")
        for _ in range(2):
            said = lawful(tmp_path, "check", "loss.py", *only, *database).communicate()[0]
            assert "1 wrong result" in said
            assert redis.Redis(port=port).dbsize() > 0
    finally:
        server.terminate()
        server.wait()
