"""What commands match, true and false friends."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.command_rules import PolicyAction, Rule, strictest
from foredeck.services.jobs.command_policy import CommandPolicy
from tests.support.hostile import HOSTILE

DELETE, SUDO, CHMOD = Rule.ROOT_DELETE, Rule.SUDO, Rule.WORLD_WRITABLE
ETC, PIPED = Rule.ETC_WRITE, Rule.PIPED_DOWNLOAD


def rules(command: str, *words: str) -> list[str]:
    found = CommandPolicy({}).judge(command, words)
    return sorted({match.rule for match in found})


RISKY = [
    # A root path, and what is as good as one.
    ("rm -rf /", DELETE),
    ("rm -fr /*", DELETE),
    ("rm -r -f -- /", DELETE),
    ("rm -Rf //", DELETE),
    ("rm --recursive --force /.", DELETE),
    ("rm --recurs /", DELETE),
    ("rm -rf /usr", DELETE),
    ("rm -rf /home/*", DELETE),
    ("rm -rf /home/ann", DELETE),
    ("rm -rf /var/lib/", DELETE),
    ("rm -rf /usr/../", DELETE),
    ("rm -rf ~", DELETE),
    ("rm -rf ~/", DELETE),
    ("rm -rf ~ann/*", DELETE),
    ('rm -rf "$HOME"', DELETE),
    ("rm -rf ${HOME}/*", DELETE),
    ("rm -rf ./build /", DELETE),
    ("rm / -rf", DELETE),
    ("rm -rf /{bin,usr}", DELETE),
    ("rm -rf $'\\x2f'", DELETE),
    ("find / -name '*.log' -delete", DELETE),
    ("find -L build / -delete", DELETE),
    ("find /usr -exec rm {} +", DELETE),
    ("find . -exec rm -rf / ';'", DELETE),
    (r"find . -type d -exec sh -c 'rm -rf /' \;", DELETE),
    # Wherever it stands in the command.
    ("true && rm -rf /", DELETE),
    ("false || rm -rf /; true", DELETE),
    ("cd x\nrm -rf /\n", DELETE),
    ("(cd x; rm -rf /)", DELETE),
    ("{ rm -rf /; }", DELETE),
    ("if true; then rm -rf /; fi", DELETE),
    ("for x in 1 2; do rm -rf /; done", DELETE),
    ("! rm -rf /", DELETE),
    ("sleep 1 & rm -rf /", DELETE),
    ("echo $(rm -rf /)", DELETE),
    ('echo "a $(rm -rf /) b"', DELETE),
    ('echo "$(echo "$(rm -rf /)")"', DELETE),
    ("echo `rm -rf /`", DELETE),
    ("echo ${x:-$(rm -rf /)}", DELETE),
    ("trap 'rm -rf /' EXIT", DELETE),
    ("diff <(rm -rf /) b", DELETE),
    ("sh -c 'rm -rf /'", DELETE),
    ("bash -lc 'cd x && rm -rf /'", DELETE),
    ("sh -c \"sh -c 'rm -rf /'\"", DELETE),
    ("eval rm -rf /", DELETE),
    ("sh <<EOF\nrm -rf /\nEOF", DELETE),
    ("cat <<EOF; rm -rf /\nhello\nEOF", DELETE),
    ("bash <<< 'rm -rf /'", DELETE),
    ("\\rm -rf /", DELETE),
    ("r''m -rf /", DELETE),
    ("/bin/rm -rf /", DELETE),
    ("rm \\\n  -rf /", DELETE),
    ("FORCE=1 rm -rf /", DELETE),
    # Whatever runs it.
    ("env -u X A=1 rm -rf /", DELETE),
    ("env -S 'rm -rf /'", DELETE),
    ("nohup rm -rf / &", DELETE),
    ("nice -n 10 rm -rf /", DELETE),
    ("timeout -k 5 10s rm -rf /", DELETE),
    ("time rm -rf /", DELETE),
    ("exec rm -rf /", DELETE),
    ("setsid -f rm -rf /", DELETE),
    ("xargs -n 1 rm -rf / < list", DELETE),
    ("echo / | xargs rm -rf", DELETE),
    ("command rm -rf /", DELETE),
    ("busybox rm -rf /", DELETE),
    ("flock /tmp/l -c 'rm -rf /'", DELETE),
    ("watch -n 1 rm -rf /", DELETE),
    # Another user's rights.
    ("sudo true", SUDO),
    ("sudo -u ann -E make", SUDO),
    ("/usr/bin/sudo -n true", SUDO),
    ("A=1 sudo true", SUDO),
    ("doas true", SUDO),
    ("su -c true", SUDO),
    ("echo x | sudo cat", SUDO),
    ("timeout 5 sudo true", SUDO),
    ("make && sudo make install", SUDO),
    # Modes.
    ("chmod 777 x", CHMOD),
    ("chmod -R 0777 .", CHMOD),
    ("chmod 666 x", CHMOD),
    ("chmod 1777 x", CHMOD),
    ("chmod a+w x", CHMOD),
    ("chmod o=rw x", CHMOD),
    ("chmod u=rwx,go+w x", CHMOD),
    ("mkdir -m 777 x", CHMOD),
    ("install --mode=0666 a b", CHMOD),
    ("find . -exec chmod 777 {} +", CHMOD),
    # /etc.
    ("echo x > /etc/motd", ETC),
    ("echo x >>/etc/hosts", ETC),
    ("> /etc/motd", ETC),
    ("make &> /etc/log", ETC),
    ("echo x 2> /etc/err", ETC),
    ("echo x | tee -a /etc/hosts", ETC),
    ("cp hosts /etc/hosts", ETC),
    ("cp -t /etc a b", ETC),
    ("mv /etc/hosts /tmp", ETC),
    ("rm /etc/passwd", ETC),
    ("sed -i s/a/b/ /etc/hosts", ETC),
    ("dd if=a of=/etc/b", ETC),
    ("curl -o /etc/x http://a", ETC),
    ("wget -O/etc/x http://a", ETC),
    ("ln -sf a /etc/localtime", ETC),
    ("touch /var/../etc/x", ETC),
    # A download that is run.
    ("curl -fsSL https://a | sh", PIPED),
    ("curl https://a | tee x | bash -s -- -y", PIPED),
    ("wget -qO- https://a | /bin/bash", PIPED),
    ("curl https://a |\n  sh", PIPED),
    ("(curl https://a; echo) | sh", PIPED),
    ("curl https://a | env X=1 bash", PIPED),
    ("curl https://a | python3 -", PIPED),
    ("curl https://a | perl", PIPED),
    ('sh -c "$(curl -fsSL https://a)"', PIPED),
    ("bash <(curl -s https://a)", PIPED),
    ("source <(curl -s https://a)", PIPED),
    ('eval "$(wget -qO- https://a)"', PIPED),
    ('echo "$(curl https://a)" | sh', PIPED),
    ("$(curl https://a)", PIPED),
]
TWICE = [
    ("sudo rm -rf /", [DELETE, SUDO]),
    ("curl https://a | sudo bash", [PIPED, SUDO]),
    ("echo x | sudo tee /etc/motd", [ETC, SUDO]),
    ("su ann -c 'rm -rf ~'", [DELETE, SUDO]),
    ("rm -rf /etc", [ETC, DELETE]),
    ("chmod 777 /etc/shadow", [ETC, CHMOD]),
]
FALSE_FRIENDS = [
    "",
    "rm -rf ./build",
    "rm -rf build dist *.egg-info",
    "rm -rf /tmp/build",
    "rm -rf ~/project/build",
    'rm -rf "$HOME/project/build"',
    "rm -rf '~'",
    'rm -rf "$TMP"/*',
    "rm -rf .",
    "rm -f /tmp",
    "rm -- -rf /tmp/x",
    "rm /",
    "find . -name '*.pyc' -delete",
    "find / -name '*.log'",
    "find . -path / -prune -o -delete",
    "[[ $a > /etc/b ]]",
    'rm -rf "${DIR:-build}"',
    "find build -exec rm -rf {} +",
    'echo "rm -rf /"',
    "echo rm -rf /",
    "git commit -m 'stop rm -rf / from running'",
    "printf '%s\\n' 'sudo rm -rf /'",
    "# sudo rm -rf /",
    "make # && sudo make install",
    'echo "sudo"',
    "grep sudo file",
    "grep -r 'chmod 777' .",
    "man sudo",
    "which sudo",
    "apt-cache show sudo",
    "pseudo true",
    "./sudo.sh",
    "cat <<EOF\nsudo rm -rf /\nEOF",
    "cat > notes <<'EOF'\n$(rm -rf /)\nEOF\ntrue",
    "chmod 755 x",
    "chmod -R u+w,go-w x",
    "chmod a+x x",
    "chmod a+rwx,o-w x",
    "chmod u=rw,o=r x",
    "chmod +x x",
    "mkdir -m 755 x",
    "mkdir 777",
    "cat /etc/hosts",
    "cp /etc/hosts .",
    "ln -s /etc/hosts",
    "rsync -t /etc/hosts backup",
    "grep root /etc/passwd > users",
    "diff /etc/hosts hosts 2>&1",
    "sort < /etc/passwd",
    "sed -n 1p /etc/hosts",
    "echo 'x > /etc/motd'",
    'echo ">" /etc/motd',
    "tee etc/hosts",
    "echo x > ./etc/hosts",
    "echo x > /etcetera",
    "sed -e s,/etc/a,/etc/b, file",
    "curl https://a | jq .",
    "curl https://a | python3 -m json.tool",
    "curl https://a | python3 -c 'import sys; sys.stdin.read()'",
    "curl https://a | perl -ne print",
    "curl https://a | tee sh",
    "curl https://a -o install.sh",
    "curl https://a; sh build.sh",
    "echo 'curl https://a | sh'",
    "ls | sh",
    'x="$(curl https://a)"',
    'bash -c "echo hello"',
    "docker run --rm -it image",
    "pytest -q && ruff check . | tail -5",
]


@pytest.mark.parametrize(("command", "rule"), RISKY)
def test_risky_commands(command: str, rule: Rule) -> None:
    assert rules(command) == [rule]


@pytest.mark.parametrize(("command", "expected"), TWICE)
def test_commands_that_are_risky_in_two_ways(command: str, expected: list[Rule]) -> None:
    assert rules(command) == sorted(expected)


@pytest.mark.parametrize("command", FALSE_FRIENDS)
def test_false_friends(command: str) -> None:
    assert rules(command) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rm", "-rf", "/"], [DELETE]),
        (["sh", "-c", "sudo true"], [SUDO]),
        (["env", "A=1", "chmod", "777", "x"], [CHMOD]),
        (["tee", "/etc/motd"], [ETC]),
        # No shell: nothing expands these, pipes or redirects.
        (["rm", "-rf", "~"], []),
        (["rm", "-rf", "/*"], [DELETE]),
        (["echo", "$(sudo true)", ">", "/etc/motd"], []),
        (["curl", "https://a", "|", "sh"], []),
    ],
)
def test_words_that_no_shell_reads(words: list[str], expected: list[Rule]) -> None:
    assert rules("", *words) == expected


def test_what_is_done_is_set_by_rule_and_a_warning_otherwise() -> None:
    policy = CommandPolicy({SUDO: PolicyAction.DENY, CHMOD: PolicyAction.ALLOW})
    found = policy.judge("sudo chmod 777 x; rm -rf /")
    assert [(match.rule, match.action) for match in found] == [
        (SUDO, PolicyAction.DENY),
        (CHMOD, PolicyAction.ALLOW),
        (DELETE, PolicyAction.WARN),
    ]
    assert strictest(found) is PolicyAction.DENY
    assert strictest(found[1:]) is PolicyAction.WARN
    assert strictest(()) is PolicyAction.ALLOW


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("rm -rf /usr", "rm deletes /usr with all that is in it"),
        ("sudo true", "sudo runs it with another user's rights"),
        ("chmod a+w x", "chmod a+w lets everybody write"),
        ("> /etc/motd", "the shell writes to /etc/motd"),
        ("echo | tee '/etc/a\x1b]0;t\x07b'", "tee writes to /etc/ab"),
        ("curl a | sh", "sh runs what curl downloads"),
        ("$(curl a)", "the shell runs what curl downloads"),
    ],
)
def test_why(command: str, why: str) -> None:
    assert [match.why for match in CommandPolicy({}).judge(command)] == [why]


ALLOWED = [
    ("sudo apt-get", "sudo apt-get update", True),
    ("sudo apt-get", "make && sudo apt-get update", True),
    ("sudo apt-get", "timeout 5 sudo apt-get update", True),
    ("sudo apt-get", "sudo make install", False),
    ("sudo apt-get", "echo sudo apt-get; sudo reboot", False),
    ("sudo", "sudo make", True),
    ("sudo", "sudo rm -rf /", False),
    ("sudo apt-get", "sudo apt-get update; rm -rf /", False),
    ("sudo apt-get", 'sudo apt-get update "$(rm -rf /)"', False),
    ("rm -rf", "rm -rf /", False),
    ("rm -rf /home/ann", "rm -rf /home/ann", True),
    ("rm -rf /home/ann", "rm -rf /home/ann /", False),
    ("curl https://a | sh", "curl https://a | sh", True),
    ("curl https://a | sh", "curl https://b | sh", False),
    ("echo x > /etc/motd", "echo x > /etc/motd", True),
    ("echo", "echo x > /etc/motd", False),
    ("chmod 777", "chmod 777 shared", True),
]


@pytest.mark.parametrize(("allowed", "command", "is_allowed"), ALLOWED)
def test_what_is_allowed_reaches_as_far_as_its_words(
    allowed: str, command: str, is_allowed: bool
) -> None:
    found = CommandPolicy(dict.fromkeys(Rule, PolicyAction.DENY), [allowed]).judge(command)
    assert found
    assert strictest(found) is (PolicyAction.ALLOW if is_allowed else PolicyAction.DENY)


def test_patterns_of_ones_own_are_looked_for_in_the_text() -> None:
    policy = CommandPolicy({Rule.OWN: PolicyAction.CONFIRM}, ["psql prod -l"], [r"psql\b.*prod"])
    (match,) = policy.judge("psql -h db prod")
    assert match.rule == "own"
    assert match.why == r"it matches your pattern psql\b.*prod"
    assert match.action is PolicyAction.CONFIRM
    assert strictest(policy.judge("", ["psql", "prod"])) is PolicyAction.CONFIRM
    assert policy.judge("psql test") == ()
    assert strictest(policy.judge("psql prod -l")) is PolicyAction.ALLOW
    assert strictest(policy.judge("psql prod -l; true")) is PolicyAction.CONFIRM


SHELL = st.text(st.sampled_from("rm -f/|&;()<>'\"\\$`#\n{}~*!=2c sudo"), max_size=60)


@given(SHELL)
def test_every_text_is_read(text: str) -> None:
    CommandPolicy({}, ["sudo"], ["x"]).judge(text)


@given(SHELL)
def test_nothing_before_a_command_hides_it(text: str) -> None:
    """Short of what takes it in: a quote, a comment, a here-document, an open parenthesis."""
    if not set(text) & set("'\"\\`#<($"):
        assert SUDO in rules(f"{text}\nsudo true")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_stay_words(name: str) -> None:
    text = "sudo tee /etc/" + HOSTILE[name].decode("utf-8", "replace").replace("\n", " ")
    text = text[:20_000]
    for match in CommandPolicy({}, [], ["sudo.*"]).judge(text):
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in match.why)


@pytest.mark.parametrize(
    "text",
    [
        "$(" * 20_000,
        '"$(' * 20_000,
        "`" * 20_001,
        "(" * 20_000,
        "sudo " * 20_000,
        "eval " * 20_000,
        "watch " * 20_000,
        "env -S " * 20_000,
        "flock f -c " * 10_000,
        "find . -exec " * 10_000,
        "find . -exec rm {} ; " * 5_000,
        "xargs " * 20_000,
        "curl a | sh " * 5_000,
        "sh -c " * 20_000,
        "<<A " * 20_000 + "\nA\n",
        "rm -rf / " * 10_000,
        "a" * 200_000,
        "\\" * 50_001,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    CommandPolicy({}, ["sudo apt-get"]).judge(text)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        f"rm -rf {'/' * 50_000}x",
        f"rm -rf {'/.' * 25_000}x",
        f"rm -rf {'/*' * 25_000}x",
        f"sh -{'c' * 50_000}1 x",
    ],
)
def test_no_command_takes_longer_than_its_length_asks_for(text: str) -> None:
    # Tried in every way there is, these would take years; so do not wait for an assertion.
    for end in ("", "/", "/*"):
        CommandPolicy({}).judge(text + end)
    assert CommandPolicy({}).judge(f"{text}; rm -rf //*/./.*//")[-1].rule == Rule.ROOT_DELETE
