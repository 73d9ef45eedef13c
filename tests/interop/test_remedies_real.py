# SPDX-License-Identifier: Apache-2.0
"""Commands that the program prints, run as they are printed, with the real clients and a real log."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.interop.stack.stack import Stack
from tests.interop.test_reverify_real import published
from tests.support.process.anchor_cli import anchor


def test_the_lines_that_a_served_instance_prints_sign_and_verify(cosign: Path, tmp_path: Path) -> None:
    """By the stock sigstore client, and by cosign."""
    own = Path(sys.executable).parent
    printed: list[str] = []
    argv = [str(own / "anchor"), "instance", "serve", "--home", str(tmp_path / "my home")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while not any(line.startswith("cosign verify-blob") for line in printed):
            printed.append(process.stdout.readline())
            assert printed[-1], printed
        lines = [line.strip() for line in printed if "FILE" in line and not line.startswith("#")]
        programs = [re.findall(r"\b(sigstore|cosign) ", line)[0] for line in lines]
        assert programs == ["sigstore", "sigstore", "cosign", "cosign"]
        env = os.environ | {
            "PATH": f"{own}:{cosign.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "NO_PROXY": "127.0.0.1",
            "NETRC": os.devnull,
        }
        for number, line in enumerate(lines):
            file = tmp_path / ("by-sigstore" if number < 2 else "by-cosign")
            file.write_text("a fact\n")
            words = ["bash", "-c", line.replace("FILE", file.name)]
            done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, (line, done)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_the_tiles_of_a_log_of_others_are_in_the_mirror_on_demand(stack: Stack, tmp_path: Path) -> None:
    published(stack, stack.log, tmp_path)
    words = ("mirror", tmp_path / "site", tmp_path / "mirror", "--policy", tmp_path / "policy.toml", "-v")
    ran = anchor(*words)
    assert ran.code == 0, ran
    told = "not mirrored: it is not run by the publisher; --public-logs has its tiles too"
    assert told in " ".join(ran.out.split())
    assert not list((tmp_path / "mirror").rglob("tile"))
    ran = anchor(*words, "--public-logs")
    assert ran.code == 0, ran
    assert told not in " ".join(ran.out.split())
    assert list((tmp_path / "mirror").rglob("tile/entries"))
