# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/first-start.md, typed as they are printed, on a system whose folders are thrown away.

There is no systemd to ask, so the own user, environment and command of the unit are started in its place. The
network and the changed folders (/etc, /var/lib, /usr/local/bin) are those of the test alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.process.anchor_cli import ROOT
from tests.support.process.need import need
from tests.support.releases.published import published

PAGE = (ROOT / "docs" / "first-start.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TYPED = re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S)
STEPS = [re.findall(r"^ {4}(\S.*)$", part, re.M) for part in re.split(r"^## \d\. ", TYPED, flags=re.M)[1:]]
UNIT = (ROOT / "docs" / "systemd" / "anchor-watch.service").read_text(encoding="utf-8")
BEFORE = """
set -euo pipefail
mount --make-rprivate /
mkdir "$SCRATCH/over" && mount -t tmpfs over "$SCRATCH/over"
for folder in /etc /var/lib /usr/local/bin /root; do
    own="$SCRATCH/over/${folder//\\//_}" && mkdir -p "$own/upper" "$own/work"
    mount -t overlay over -o "lowerdir=$folder,upperdir=$own/upper,workdir=$own/work" "$folder"
done
chmod 0755 /root  # a Python may be installed below it
ln -sf "$ANCHOR" /usr/local/bin/anchor
ip link set lo up
export HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NO_PROXY='*'
mkdir "$SCRATCH/web" && cp -a "$SITE" "$SCRATCH/web/ledger"
"$PYTHON" -m http.server 8000 --bind 127.0.0.1 --directory "$SCRATCH/web" >"$SCRATCH/web.log" 2>&1 &
trap 'kill $(jobs -p)' EXIT
for n in $(seq 900); do (: </dev/tcp/127.0.0.1/8000) 2>&- && break; sleep 0.1; done
"""


def service(unit: str) -> str:
    """The lines with which the service manager would start a unit. It looks more often for releases here."""
    own = dict(re.findall(r"^(User|StateDirectory|StateDirectoryMode|ExecStart)=(.*)$", unit, re.M))
    settings = " ".join(re.findall(r"^Environment=(.*)$", unit, re.M))
    return (
        f"install -d -o {own['User']} -m {own['StateDirectoryMode']} /var/lib/{own['StateDirectory']}\n"
        f"runuser -u {own['User']} -- env -i PATH=/usr/bin:/bin {settings} {own['ExecStart']} --every 1s "
        '>"$SCRATCH/journal" 2>&1 &\nSERVICE=$!\n'
        'for n in $(seq 900); do grep -q SIGTERM "$SCRATCH/journal" && break; sleep 0.1; done\n'
    )


def test_the_units_on_the_page_are_the_files() -> None:
    units = dict(re.findall(r"```ini\n# /etc/systemd/system/(\S+)\n(.*?)```", OPERATIONS, re.DOTALL))
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "systemd").iterdir()}
    assert units == files


def test_every_command_of_the_page_works_in_its_order(tmp_path: Path) -> None:
    need(os.geteuid() == 0 and shutil.which("unshare"), "run as root, with unshare and mount allowed")
    need(shutil.which("ip"), "apt-get install iproute2")
    site = published(tmp_path)
    (pinned,) = tomllib.loads(site.policy.read_text())["trusted_root"]
    install, user, policy, env, unit, release, monitoring = STEPS[:7]
    assert [len(step) for step in STEPS] == [3, 2, 2, 1, 4, 2, 1, 0]
    assert install[2] == "ln -s /opt/anchor/bin/anchor /usr/local/bin/anchor"  # the one of this checkout
    assert [line.split()[0] for line in unit] == ["install", "systemctl", "systemctl", "journalctl"]
    making = f"{policy[0]} --yes --trusted-root-sha256 {pinned['sha256']}"
    asked = 'grep -q "watching now" "$SCRATCH/journal" && break; sleep 0.2'
    script = [
        *(*user, making, policy[1], *env, unit[0]),
        *(service(UNIT), 'cp "$SCRATCH/journal" "$SCRATCH/begun"'),
        *(release[0], f"for n in $(seq 600); do {asked}; done", release[1], *monitoring),
        '"$PYTHON" - <<"END"',
        "import os, urllib.request",
        'text = urllib.request.urlopen("http://127.0.0.1:9464/metrics").read()',
        'open(os.environ["SCRATCH"] + "/metrics", "wb").write(text)',
        "END",
        "stat -c '%U %a' /var/lib/anchor /etc/anchor/watch.env",
        'kill -TERM "$(pgrep -P "$SERVICE")"; wait "$SERVICE"; echo "ended $?"',
    ]
    text = "\n".join([BEFORE, *script]).replace("https://example.org/", "http://127.0.0.1:8000/")
    text = text.replace("/var/lib/anchor ANCHOR_POLICY", "/var/lib/anchor NO_PROXY='*' ANCHOR_POLICY")
    own = {
        "SCRATCH": str(tmp_path),
        "SITE": str(site.root),
        "ANCHOR": str(Path(sys.executable).parent / "anchor"),
        "PYTHON": sys.executable,
        "PATH": os.environ["PATH"],
    }
    words = ["unshare", "--mount", "--net", "bash", "-c", text]
    ran = subprocess.run(words, env=own, cwd=ROOT, capture_output=True, text=True, timeout=300)
    journal = (tmp_path / "journal").read_text() if (tmp_path / "journal").exists() else ""
    assert ran.returncode == 0, (ran.stdout, ran.stderr, journal)
    assert (
        "nothing is watched yet with the policy /etc/anchor/policy.toml" in (tmp_path / "begun").read_text()
    )
    assert "anchor reverify RELEASE --policy /etc/anchor/policy.toml --home /var/lib/anchor" in journal
    assert "watching now: http://127.0.0.1:8000/ledger/release.json: hourly" in journal
    assert re.search(r"^OK +http://127\.0\.0\.1:8000/ledger/release\.json: verified", ran.stdout, re.M), ran
    assert "anchor 700\nroot 600\nended 0" in ran.stdout
    assert (
        'anchor_target_class{class="OK",target="http://127.0.0.1:8000/ledger/release.json"} 1.0'
        in (tmp_path / "metrics").read_text()
    )


def test_the_settings_of_the_scrape_are_yaml_that_prometheus_reads(tmp_path: Path) -> None:
    tool = shutil.which("promtool")
    need(tool, "apt-get install --no-install-recommends prometheus")
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    shutil.copy(ROOT / "docs" / "monitoring" / "alerts.yml", tmp_path / "anchor-alerts.yml")
    (tmp_path / "prometheus.yml").write_text(shown.replace("/etc/prometheus", str(tmp_path)))
    ran = subprocess.run(
        [str(tool), "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True
    )
    assert ran.returncode == 0, ran
    assert b"rule files found" in ran.stdout
