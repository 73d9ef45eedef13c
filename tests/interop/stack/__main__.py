# SPDX-License-Identifier: Apache-2.0
"""Run a command against the real servers, or build them.

python -m tests.interop.stack --build                 build and fetch what is missing (about ten minutes)
python -m tests.interop.stack --key                   the name of this set of pins, for CI's cache
python -m tests.interop.stack -- COMMAND [ARG...]     run COMMAND with STACK_* in its environment
python -m tests.interop.stack                         serve until interrupted; the environment as JSON
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.interop.stack import builds, netns, node
from tests.interop.stack.process import NotStarted
from tests.interop.stack.stack import Stack
from tests.support.releases import public_material


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.stack", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", action="store_true", help="build missing servers into the cache and stop")
    parser.add_argument("--key", action="store_true", help="print the cache key and stop")
    parser.add_argument("--work", type=Path, help="folder for keys, data and logs (default: a temporary one)")
    parser.add_argument("--no-netns", action="store_true", help="stay in this network namespace")
    parser.add_argument("--rekor-v1", action="store_true", help="start Rekor v1 as well")
    parser.add_argument("--witnesses", type=int, default=0, help="a second log with so many witnesses")
    parser.add_argument(
        "--persistent-antispam", action="store_true", help="duplicates are known after a restart"
    )
    parser.add_argument("--identity", default="email", choices=("email", "uri", "spiffe"))
    parser.add_argument("command", nargs="*")
    args = parser.parse_args()
    if args.key:
        print(builds.key())
        return 0
    if args.build:
        print(builds.build())
        node.install()
        public_material.fetch()
        return 0
    if lacking := builds.missing():
        print(f"not built: {', '.join(lacking)}; run with --build", file=sys.stderr)
        return 3
    return run(args)


def run(args: argparse.Namespace) -> int:
    if not args.no_netns:
        try:
            netns.enter_for_good()
        except OSError as e:
            print(f"no network namespace of its own: {e}", file=sys.stderr)
    work = args.work or Path(tempfile.mkdtemp(prefix="anchor-stack-"))
    stack = Stack(work, builds.cache(), identity=args.identity, persistent_antispam=args.persistent_antispam)
    try:
        with stack:
            env = stack.environment()
            if args.rekor_v1:
                v1 = stack.rekor_v1()
                env["STACK_REKOR_V1"] = v1.url
                env["STACK_TRUST_CONFIG_V1"] = str(stack.instance(v1, name="trust_config_v1"))
            if args.witnesses:
                log = stack.new_log("witnessed.stack.internal", witnesses=args.witnesses)
                env["STACK_TRUST_CONFIG_WITNESSED"] = str(stack.instance(log, name="trust_config_witnessed"))
            print(f"stack up in {stack.started:.2f} s, logs in {stack.logs}", file=sys.stderr, flush=True)
            if args.command:
                return subprocess.run(args.command, env={**os.environ, **env}, check=False).returncode
            print(json.dumps(env), flush=True)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except NotStarted as e:
        print(e, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
