# SPDX-License-Identifier: Apache-2.0
"""How the processes of pytest-xdist share the files of the suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process.distribution import LONG, SERVERS, WAITING, in_order

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    str(p.relative_to(ROOT))
    for folder in ("interop", "rules", "integration")
    for p in (ROOT / "tests" / folder).glob("test_*.py")
)
CONFTEST = """
from tests.support.process import on_demand
from tests.support.process.distribution import ByFile, receive_at_once, send_at_once

def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, len(config.getoption("tx")))

def pytest_configure_node(node):
    receive_at_once(node)
    if ON_DEMAND:
        on_demand.ask(node)

def pytest_configure(config):
    send_at_once(config)
    on_demand.register(config)
"""


def test_the_files_that_take_longest_exist() -> None:
    assert [file for file in LONG if not (ROOT / file).is_file()] == []


def test_files_of_the_servers_are_first_and_the_longest_first_in_each_group() -> None:
    place = in_order(FILES)
    order = sorted(FILES, key=lambda file: (place[file], file))
    servers = [file.startswith(SERVERS) for file in order]
    assert servers == sorted(servers, reverse=True)
    for group in (lambda file: file.startswith(WAITING), lambda file: not file.startswith(WAITING)):
        short = [file not in LONG for file in order if group(file) and not file.startswith(SERVERS)]
        assert short == sorted(short)


both = pytest.mark.parametrize("on_demand", [False, True])


def suite(
    folder: Path, *options: str, on_demand: bool = False, conftest: str = "", **files: str
) -> subprocess.CompletedProcess[str]:
    """Run a suite of these files in three processes."""
    (folder / "conftest.py").write_text(f"ON_DEMAND = {on_demand}\n{CONFTEST}{conftest}")
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(f"import os, pytest\n{text}")
    plugins = ("-p", "xdist", "-p", "pytest_timeout", "-p", "no:cacheprovider")
    words = [sys.executable, "-m", "pytest", "-q", *plugins, "-n", "3", "--dist", "loadfile", *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240
    )


@both
def test_a_file_stays_in_one_process_and_all_tests_run(tmp_path: Path, on_demand: bool) -> None:
    once = "seen = []\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n):\n    seen.append(n)\n"
    last = "def test_last():\n    assert len(seen) == 9\n"
    ran = suite(tmp_path, on_demand=on_demand, **{f"number{n}": once + last for n in range(5)})
    assert ran.returncode == 0, ran.stdout
    assert "50 passed" in ran.stdout


def test_slow_tests_of_all_crash_points_are_given_to_any_process(tmp_path: Path) -> None:
    """A process has the next test when it begins one, so two of four are for another process."""
    text = """
from pathlib import Path
import time

@pytest.mark.parametrize("number", range(4), ids=lambda n: f"{n}-all")
def test_it(number):
    Path(f"process-{os.getpid()}").touch()
    while len(list(Path().glob("process-*"))) < 2:
        time.sleep(0.01)
"""
    (tmp_path / "tests" / "attacks").mkdir(parents=True)
    (tmp_path / "tests" / "attacks" / "test_points.py").write_text(f"import os, pytest\n{text}")
    ran = suite(tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout


def test_after_a_crash_the_other_tests_of_its_file_still_run(tmp_path: Path) -> None:
    crash = (
        "@pytest.mark.parametrize('n', range(6))\ndef test_it(n):\n    n == 2 and os.kill(os.getpid(), 9)\n"
    )
    ran = suite(tmp_path, crash=crash, good="def test_good():\n    pass\n")
    assert ran.returncode == 1, ran.stdout
    assert "test_crash.py::test_it[2]" in ran.stdout
    assert "1 failed, 6 passed" in ran.stdout


@both
def test_what_a_process_says_of_a_test_arrives_whole(tmp_path: Path, on_demand: bool) -> None:
    """Each kind of result, from the phase that it came from, with what was printed, and warnings."""
    text = """
import warnings

@pytest.fixture
def bad():
    raise ValueError("in the setup")

@pytest.fixture
def late():
    yield
    raise ValueError("in the teardown")

def test_good():
    warnings.warn("of a test")

def test_bad():
    print("printed before")
    assert not "in the call"

def test_setup(bad):
    pass

def test_teardown(late):
    pass

def test_skipped():
    pytest.skip("left out")

@pytest.mark.xfail
def test_known():
    raise ValueError
"""
    ran = suite(tmp_path, on_demand=on_demand, results=text, others="def test_other():\n    pass\n")
    assert ran.returncode == 1, ran.stdout
    assert "1 failed, 3 passed, 1 skipped, 1 xfailed, 1 warning, 2 errors" in ran.stdout
    for said in ("printed before", "in the setup", "in the teardown", "UserWarning: of a test"):
        assert said in ran.stdout


def test_options_select_tests_in_files_that_are_imported_on_demand(tmp_path: Path) -> None:
    files = {name: f"def test_{name}(): pass\ndef test_other(): assert not 1\n" for name in "abc"}
    ran = suite(
        tmp_path, "-k", "test_a or test_b", "--deselect", "test_b.py::test_other", on_demand=True, **files
    )
    assert "1 failed, 2 passed" in ran.stdout  # -k finds the names of files, too
    ran = suite(tmp_path, "-k", "test_none", on_demand=True, **files)
    assert ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, ran.stdout


def test_each_process_imports_a_file_once_and_makes_fixtures_of_the_session_once(tmp_path: Path) -> None:
    """A file that cannot be imported is an error. The others run."""
    fixture = """
import os, pytest

@pytest.fixture(scope="session")
def server():
    with open(f"server-{os.getpid()}", "a") as f: f.write("started ")
    yield
    with open(f"server-{os.getpid()}", "a") as f: f.write("ended")
"""
    text = "with open(f'{__name__}.imported', 'a') as f: f.write('x')\ndef test_it(server): pass\n"
    files = {"bad": "import nothing_of_this_name", **{f"n{n}": text for n in range(9)}}
    ran = suite(tmp_path, on_demand=True, conftest=fixture, **files)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout
    assert "9 passed, 1 error" in ran.stdout
    assert "No module named 'nothing_of_this_name'" in ran.stdout
    assert [(tmp_path / f"test_n{n}.imported").read_text() for n in range(9)] == ["x"] * 9
    assert {p.read_text() for p in tmp_path.glob("server-*")} == {"started ended"}


def test_a_folder_is_left_after_a_file_without_tests_that_were_asked_for(tmp_path: Path) -> None:
    for name in ("one/test_a.py", "one/test_b.py", "two/test_c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("def test_it(): pass\n")
    ran = suite(tmp_path, "-k", "not test_b", "-n", "1", on_demand=True)
    assert "2 passed in" in ran.stdout


def test_a_crash_in_a_file_that_is_imported_on_demand_is_a_failure_of_its_test(tmp_path: Path) -> None:
    """The failures of the tests before it are told. The crash stands for those behind it."""
    crash = """
def test_before(): assert not "found before"
def test_it(): os.kill(os.getpid(), 9)
def test_behind(): pass
"""
    ran = suite(tmp_path, on_demand=True, crash=crash, good="def test_good(): pass\n")
    assert ran.returncode == 1, ran.stdout
    assert "crashed while running 'test_crash.py::test_it'" in ran.stdout
    assert 'assert not "found before"' in ran.stdout
    assert "2 failed, 1 passed" in ran.stdout


def test_a_crash_between_tests_is_a_failure_of_the_file(tmp_path: Path) -> None:
    """Here at the import, before any test of it has begun."""
    ran = suite(tmp_path, on_demand=True, crash="os.kill(os.getpid(), 9)\n", good="def test_good(): pass\n")
    assert ran.returncode == 1, ran.stdout
    assert "crashed while running 'test_crash.py::whole'" in ran.stdout
    assert "1 failed, 1 passed" in ran.stdout


def test_the_slow_run_imports_no_file_without_a_slow_test(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-m",
        "slow",
        "--collect-only",
        "tests/unit/merkle",
    ]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert "no tests collected" in ran.stdout


def test_a_slow_test_that_the_slow_run_would_not_find_is_an_error(tmp_path: Path) -> None:
    hidden = tmp_path / "test_hidden.py"
    hidden.write_text(
        "import pytest\ngone = getattr(pytest.mark, 'sl' + 'ow')\n@gone\ndef test_it():\n    pass\n"
    )
    words = ["-q", "-n", "0", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    words = [sys.executable, "-m", "pytest", *words, "-p", "tests.conftest", str(hidden)]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_hidden.py: a slow test, and none of the words" in ran.stderr
