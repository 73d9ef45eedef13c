# SPDX-License-Identifier: Apache-2.0
"""Lists of logs for witnesses: the form of C2SP tlog-list, and what is refused, with the line."""

import pytest

from anchor.errors import Misuse, Unsupported
from anchor.tlog import log_list
from tests.support.logs.simlog import SimLog
from tests.support.logs.submissions import ED25519, ML_DSA

ONE = SimLog(origin="tlog.foo.example").key
TWO = SimLog(origin="bar.example/tlog", seed=2).key
LIST = f"""\
#
# List:      10qps-100klogs
# Generated: some time
#
logs/v0

# 1st
vkey {ONE.vkey}
qpd 86400
contact https://tlog.foo.example/contact

# 2nd
vkey {TWO.vkey}
origin rekor.example - 123
\tqpd 24
  \tcontact sysadmin (at) bar.example \t
"""


def test_the_form_of_the_specification_is_read() -> None:
    first, second = log_list.parse(LIST.encode())
    assert (first.origin, first.keys, first.qpd) == ("tlog.foo.example", (ONE,), 86400)
    assert first.contact == "https://tlog.foo.example/contact"
    assert (second.origin, second.keys, second.qpd) == ("rekor.example - 123", (TWO,), 24)
    assert second.contact == "sysadmin (at) bar.example"


def test_a_list_may_be_empty_and_need_not_end_in_a_newline() -> None:
    assert log_list.parse(b"logs/v0") == ()
    assert len(log_list.parse(LIST.rstrip().encode())) == 2


def log(**changed: str) -> str:
    lines = {"vkey": ONE.vkey, "qpd": "24", "contact": "me"} | changed
    return "".join(f"{word} {value}\n" for word, value in lines.items())


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "'logs/v0' is wanted"),
        ("# only a comment\n", 1, "'logs/v0' is wanted"),
        ("logs/v1\n", 1, "'logs/v0' is wanted here"),
        ("logs/v0 \x00\n", 1, "control character 0x00"),
        (log(), 1, "'logs/v0' is wanted here"),
        ("logs/v0\nlogs/v0\n", 2, "'vkey' is wanted here"),
        ("logs/v0\nqpd 24\n", 2, "'vkey' is wanted here"),
        (f"logs/v0\nvkey {ONE.vkey}\ncontact me\n", 3, "'origin or qpd' is wanted here"),
        (f"logs/v0\nvkey {ONE.vkey}\nqpd 24\n", 4, "cut off: 'contact' is wanted"),
        (f"logs/v0\nvkey {ONE.vkey}\nqpd 24\nqpd 24\n", 4, "'contact' is wanted here"),
        ("logs/v0\n" + log() + log(), 7, "a second log with the origin"),
        ("logs/v0\n" + log(qpd="0"), 4, "qpd is from 1"),
        ("logs/v0\n" + log(qpd="2147483648"), 4, "larger than"),
        ("logs/v0\n" + log(qpd="024"), 4, "decimal"),
        ("logs/v0\n" + log(qpd="1e3"), 4, "decimal"),
        ("logs/v0\n" + log(vkey="foo"), 4, "name+hash+base64"),
        ("logs/v0\n" + log(vkey=ONE.vkey[:-4] + "AAA="), 4, "vkey"),
        ("logs/v0\n" + log(vkey=ED25519.key.vkey), 4, "a key of type 0x04 is no log's"),
        ("logs/v0\n" + log(contact="a" * 3000), 4, "a contact of 3000 characters"),
        (
            "logs/v0\n" + f"vkey {ONE.vkey}\norigin {'a' * 256}\nqpd 1\ncontact me\n",
            5,
            "an origin is one line",
        ),
        ("logs/v0\n" + f"vkey {ONE.vkey}\norigin \nqpd 1\ncontact me\n", 5, "an origin is one line"),
        ("logs/v0\nkey " + ONE.vkey, 2, "'vkey' is wanted here"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(Misuse) as caught:
        log_list.parse(text.encode(), where="prod.list")
    assert str(caught.value).startswith(f"prod.list line {line}")
    assert problem in str(caught.value)


def test_bytes_that_are_no_text_and_a_list_that_is_too_large() -> None:
    with pytest.raises(Misuse, match="line 2: not UTF-8"):
        log_list.parse(b"logs/v0\n# \xff\n")
    with pytest.raises(Misuse, match="more than"):
        log_list.parse(b"#" * (log_list.MAX_LIST + 1))


def test_a_type_of_key_that_is_not_known_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="line 4"):
        log_list.parse(("logs/v0\n" + log(vkey="foo+00000000+//8=")).encode())


def test_a_key_of_ml_dsa_is_read() -> None:
    assert log_list.parse(("logs/v0\n" + log(vkey=ML_DSA.key.vkey)).encode())[0].keys == (ML_DSA.key,)
