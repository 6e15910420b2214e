"""Runs the binary under test: commands until their end, and `capture serve`."""

import contextlib
import json
import signal
import subprocess
import tempfile

# A command that takes longer hangs.
HANGS_S = 60

BINARY = None
ROOT = None


def use(binary, root):
    """Sets what is tested: the binary, and the repository that holds captures/."""
    global BINARY, ROOT  # pylint: disable=global-statement
    BINARY, ROOT = binary, root


def shipped(name):
    """The path of a capture of the repository."""
    return str(ROOT / "captures" / name)


def run(*args, code=0):
    """Runs a command and gives its stdout; any other exit code than `code` is an error."""
    done = subprocess.run([BINARY, *args], capture_output=True, timeout=HANGS_S, check=False)
    assert done.returncode == code, f"{args} exits {done.returncode}: {done.stderr.decode()}"
    return done.stdout


@contextlib.contextmanager
def serve(*args):
    """`capture serve ARGS`: gives its ready line, and ends it."""
    with subprocess.Popen([BINARY, "serve", *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@contextlib.contextmanager
def serving(*args):
    """A command that serves until Ctrl-C: gives its gRPC address. It is ended as Ctrl-C does, and must succeed."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([BINARY, *args], **pipes) as process:
        try:
            yield json.loads(process.stdout.readline())["grpc"]
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=HANGS_S)
            assert process.returncode == 0, f"{args} exits {process.returncode}: {errors.decode()}"
        finally:
            process.kill()


def proxy(target, capture):
    """`capture proxy` in front of a target without TLS: gives its gRPC address."""
    return serving("proxy", "--listen", "127.0.0.1:0", "--target", target, "--plaintext", "--output", capture)


def first_finding(capture):
    """The first finding of `validate` on a capture that must fail: its rule, and its JSON as text."""
    finding = json.loads(run("validate", capture, "--format", "json", code=1))["findings"][0]
    return finding["rule"], json.dumps(finding)


@contextlib.contextmanager
def output(name="out.gcap"):
    """A path for a capture, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/{name}"


def cut(data):
    """The messages of `cat --raw`, cut by our own hands."""
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        assert at + length <= len(data), "the last message is cut"
        yield data[at : at + length]
        at += length


def raw_messages(capture, *args):
    """The received messages of a capture, by `cat --raw`."""
    return list(cut(run("cat", "--raw", capture, *args)))
