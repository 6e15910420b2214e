#!/usr/bin/env python3
"""The speed, the size and the scale of `capture`, each row a ratio against a peer on the same work in the same run.

    benches/table [--quick] [--write docs/benchmarks.md]       builds what it needs, then runs this
    benches/table.py BINARY PEERS [--quick] [--write FILE] [--only ROW,ROW] [RECORDING...]

BINARY is `capture`, PEERS the example `peers`. RECORDING: captures or length-delimited frames of the datastream dialect;
those in captures/ by default. The first with rows of 64 KB and more feeds the streams. Peers take turns within each
round, and the median of the rounds counts, so that a busy machine bends both sides alike. What is missing (grpcio and
zstandard in this Python, room on the disk) is said, and its rows are left out.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON_RECORDER = ROOT / "benches" / "recorder.py"
MB = 1e6
MB_INT = 1_000_000


class Run:
    """A process that has ended: wall and CPU seconds, peak memory in MB, and the JSON that it printed last."""

    def __init__(self, args, env=None):
        began = time.monotonic()
        process = subprocess.Popen([str(arg) for arg in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        out, err = [], []
        reader = threading.Thread(target=lambda: err.append(process.stderr.read()))
        reader.start()
        out = process.stdout.read()
        reader.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - began
        self.user, self.system = usage.ru_utime, usage.ru_stime
        self.cpu = self.user + self.system
        self.peak_mb = usage.ru_maxrss / 1000
        self.code = process.returncode
        self.err = err[0].decode(errors="replace")
        lines = out.decode(errors="replace").strip().splitlines()
        try:
            self.json = json.loads(lines[-1]) if lines else None
        except ValueError:
            self.json = None

    def must(self, code=0):
        if self.code != code:
            sys.exit(f"a benchmark failed with exit code {self.code}: {self.err[-2000:]}")
        return self


class Server:
    """`peers serve`, until the block ends."""

    def __init__(self, peers, recording, size, total, fps=None):
        args = [peers, "serve", recording, size, total] + ([fps] if fps else [])
        self.process = subprocess.Popen([str(arg) for arg in args], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())
        self.addr = self.ready["grpc"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, ours, peer, ratio, floor, fits):
        mark = "" if floor is None else ("yes" if fits else "**no**")
        row = (what, ours, peer, ratio, floor or "", mark)
        self.rows.append(row)
        print("  ".join(str(cell) for cell in row), flush=True)

    def ratio(self, what, ours, peer, least, unit="MB/s"):
        value = ours / peer
        floor = None if least is None else f"≥ {least:g}"
        self.add(what, f"{ours:,.0f} {unit}", f"{peer:,.0f} {unit}", f"{value:.2f}", floor, least is None or value >= least)

    def at_most(self, what, value, most, unit, peer="", ratio=""):
        self.add(what, f"{value:,.2f} {unit}", peer, ratio, f"≤ {most:g} {unit}", value <= most)

    def text(self):
        head = ("what", "capture", "peer", "ratio", "floor", "holds")
        lines = [head, tuple("---" for _ in head)] + self.rows
        return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def record(binary, addr, out, *more, env=None):
    args = [binary, "record", "--target", addr, "--plaintext", "--job-id", "job", "--no-health-check", "-o", out]
    return Run(args + ["--force", "--format", "json", "-q", *more], env)


def medians(rounds, **peers):
    """Runs all peers in turn; the median MB/s, and the median CPU seconds per GB."""
    speeds = {name: [] for name in peers}
    costs = {name: [] for name in peers}
    for _ in range(rounds):
        for name, run in peers.items():
            done = run().must()
            total = done.json.get("bytes") or done.json["message_bytes"]
            speeds[name].append(total / MB / done.seconds)
            costs[name].append(done.cpu / (total / 1e9))
    middle = lambda of: {name: statistics.median(values) for name, values in of.items()}
    return middle(speeds), middle(costs)


def python_recorder():
    probe = subprocess.run([sys.executable, "-c", "import grpc, zstandard"], capture_output=True)
    return PYTHON_RECORDER if probe.returncode == 0 else None


def streams(table, args, folder, recording):
    megabyte = None
    for label, size in [("1 MB", 1_000_000), ("64 KB", 64_000), ("11 KB", 11_000)]:
        total = (300 if args.quick else 1000) * 1_000_000
        with Server(args.peers, recording, size, total) as server:
            out = folder / "stream.gcap"
            peers = {
                # The peers sync nothing either.
                "ours": lambda: record(args.binary, server.addr, out, "--sync", "none"),
                "bare": lambda: Run([args.peers, "drop", server.addr, 1]),
                "mcap": lambda: Run([args.peers, "mcap", server.addr, folder / "stream.mcap", "zstd"]),
            }
            if python_recorder():
                peers["python"] = lambda: Run([sys.executable, PYTHON_RECORDER, server.addr, folder / "stream.zst"])
            speeds, costs = medians(args.rounds, **peers)
            least = 0.33 if megabyte is None else None
            table.ratio(f"record {label} messages, against a bare client that drops them", speeds["ours"], speeds["bare"], least)
            if megabyte is None:
                megabyte = speeds["ours"]
            else:
                table.ratio(f"record {label} messages, against messages of 1 MB", speeds["ours"], megabyte, 0.8)
            table.ratio(f"record {label} messages, against the same tap writing MCAP", speeds["ours"], speeds["mcap"], 3)
            if "python" in speeds:
                table.ratio(f"record {label} messages, against grpcio + zstandard", speeds["ours"], speeds["python"], 5)
            peer = f"{costs['bare']:.2f} bare, {costs['mcap']:.2f} mcap"
            table.at_most(f"CPU of recording {label} messages", costs["ours"], 3.0, "s/GB", peer, f"{costs['ours'] / costs['mcap']:.2f}")
            last = record(args.binary, server.addr, out, "--sync", "none").must()
            table.at_most(f"peak memory of recording {label} messages", last.peak_mb, 100, "MB")
            print(f"  codecs {last.json.get('codecs')}, {last.json.get('hurried_chunks')} hurried", flush=True)


def slow_disk(table, args, folder, recording):
    """A disk that takes so many bytes a second, in a library that is loaded before the program's own."""
    library = folder / "slow_disk.so"
    compiler = shutil.which("cc") if sys.platform == "linux" else None
    if not compiler:
        print("  skipped: the slow disk needs Linux and a C compiler", flush=True)
        return
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, ROOT / "benches" / "slow_disk.c", "-ldl"], check=True)
    seconds = 4 if args.quick else 15
    for rate, least in [(100, 1.35), (200, 1.35), (400, 1.2)]:
        total = int(seconds * rate * 1.5 * MB)
        with Server(args.peers, recording, 1_000_000, total) as server:
            slow = os.environ | {"LD_PRELOAD": str(library), "SLOW_DISK_MB_S": str(rate)}
            ratios, stored, lost = [], [], 0
            for _ in range(args.rounds):
                done = record(args.binary, server.addr, folder / "slow.gcap", "--sync", "none", env=slow).must()
                ratios.append(done.json["message_bytes"] / MB / done.seconds / rate)
                codecs = done.json["codecs"]
                stored.append(codecs.get("stored", 0) / sum(codecs.values()))
                lost += done.json["gaps"]
        ratio, share = statistics.median(ratios), statistics.median(stored)
        fits = ratio >= least and share <= 0.1 and lost == 0
        what = f"record to a disk that takes {rate} MB/s; {share:.0%} of the chunks stored, {lost} messages lost"
        table.add(what, f"{ratio * rate:,.0f} MB/s", f"{rate} MB/s, the disk", f"{ratio:.2f}", f"≥ {least:g}, ≤ 10%", fits)
        print(f"  codecs {codecs}, waited {done.json.get('waited')}", flush=True)


class Proxy:
    """`capture proxy`, or nginx with the same work without a recording, until the block ends."""

    def __init__(self, args, folder, target, nginx=None):
        if nginx:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            kinds = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            config = folder / "nginx.conf"
            config.write_text(
                f"daemon off; master_process off; error_log {folder}/nginx.log; pid {folder}/nginx.pid; events {{ worker_connections 1024; }}"
                f" http {{ access_log off; {kinds} upstream target {{ server {target}; keepalive 64; keepalive_requests 100000000; }}"
                f" server {{ listen 127.0.0.1:{port} http2; keepalive_requests 100000000; client_max_body_size 0;"
                f" location / {{ grpc_pass grpc://target; }} }} }}"
            )
            self.process = subprocess.Popen([nginx, "-c", str(config)], stderr=subprocess.DEVNULL)
            self.addr = f"127.0.0.1:{port}"
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
        else:
            command = [args.binary, "proxy", "-l", "127.0.0.1:0", "-t", target, "--plaintext", "-o", folder / "proxy.gcap", "--force", "-q"]
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
            self.addr = json.loads(self.process.stdout.readline())["grpc"].rpartition("/")[2]

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1000

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def small_calls(table, args, folder, recording):
    """Unary calls of 100 bytes, 50 at a time: what one costs in the proxy."""
    calls = 20_000 if args.quick else 100_000
    server = subprocess.Popen([args.peers, "unary-serve"], stdout=subprocess.PIPE)
    try:
        target = json.loads(server.stdout.readline())["grpc"]
        nginx = shutil.which("nginx")
        costs, rates = {}, {}
        for name in ["direct", "capture"] + (["nginx"] if nginx else []):
            if name == "direct":
                rates[name] = Run([args.peers, "unary", target, calls, 50]).must().json["calls_per_second"]
                continue
            with Proxy(args, folder, target, nginx if name == "nginx" else None) as proxy:
                Run([args.peers, "unary", proxy.addr, 2_000, 50]).must()
                before = proxy.cpu()
                rates[name] = Run([args.peers, "unary", proxy.addr, calls, 50]).must().json["calls_per_second"]
                costs[name] = (proxy.cpu() - before) / calls * 1e6
        peer = f"{costs['nginx']:.1f} µs nginx, which records nothing" if nginx else ""
        ratio = f"{costs['capture'] / costs['nginx']:.2f}" if nginx else ""
        table.at_most("CPU of the proxy for a recorded unary call", costs["capture"], 40, "µs", peer, ratio)
        peer = f"{rates['direct']:,.0f}/s direct" + (f", {rates['nginx']:,.0f}/s nginx" if nginx else "")
        table.add("unary calls through the proxy, 50 at a time", f"{rates['capture']:,.0f}/s", peer, f"{rates['capture'] / rates['direct']:.2f}", None, True)
    finally:
        server.kill()
        server.wait()


def large_messages(table, args, folder, recording):
    """Messages of 15 MB through the proxy, in one call and in four at once."""
    with Server(args.peers, recording, 15_000_000, (600 if args.quick else 1500) * MB_INT) as server:
        for calls in (1, 4):
            speeds = {"direct": [], "capture": []}
            peak = 0
            for _ in range(args.rounds):
                done = Run([args.peers, "drop", server.addr, calls]).must()
                speeds["direct"].append(done.json["bytes"] / MB / done.json["seconds"])
                with Proxy(args, folder, server.addr) as proxy:
                    done = Run([args.peers, "drop", proxy.addr, calls]).must()
                    speeds["capture"].append(done.json["bytes"] / MB / done.json["seconds"])
                    peak = max(peak, proxy.peak_mb())
            middle = {name: statistics.median(values) for name, values in speeds.items()}
            at_once = "one call" if calls == 1 else f"{calls} calls at once"
            table.ratio(f"15 MB messages through the proxy, {at_once}, against direct", middle["capture"], middle["direct"], 0.5)
            table.at_most(f"peak memory of the proxy with 15 MB messages, {at_once}", peak, 250, "MB")


def live(table, args, folder, recording):
    """A paced stream of 800 MB/s: what of it is recorded, and whether it came as fast as a bare client gets it."""
    seconds = 2 if args.quick else 8
    total = seconds * 800_000_000
    lost, ratios, stolen = [], [], []
    with Server(args.peers, recording, 1_000_000, total, 800) as server:
        for _ in range(args.rounds):
            bare = Run([args.peers, "drop", server.addr, 1]).must()
            # What earlier rows left for the disk to do is no part of this one.
            (folder / "live.gcap").unlink(missing_ok=True)
            os.sync()
            before = stolen_seconds()
            done = record(args.binary, server.addr, folder / "live.gcap", "--on-overflow", "gap")
            stolen.append(stolen_seconds() - before)
            lost.append(done.json["gaps"])
            ratios.append(bare.seconds / done.seconds)
    what = f"a live stream of 800 MB/s for {seconds} s: messages lost, in each run"
    each = ", ".join(str(gaps) for gaps in lost)
    ratio = f"{statistics.median(ratios):.2f}"
    table.add(what, each, "as fast as a bare client", ratio, "0 lost", statistics.median(lost) == 0)
    print(f"  taken by the host in each run, of two cores: {', '.join(f'{span:.2f} s' for span in stolen)}", flush=True)


def stolen_seconds():
    """What a hypervisor has taken from this machine's cores for others, since it was started."""
    ticks = int(pathlib.Path("/proc/stat").read_text().split()[8])
    return ticks / os.sysconf("SC_CLK_TCK")


def sizes(table, args, recordings):
    ratios, names = {}, {}
    for recording in recordings:
        results = Run([args.peers, "codec", recording]).must().json
        name = pathlib.Path(recording).stem
        if results["bytes"] < 2 * MB:
            print(f"  {name}: {results['bytes']} bytes are too few for a size or a speed", flush=True)
            continue
        by = {result["name"]: result for result in results["results"]}
        ours, mcap = by["capture"], by["mcap zstd"]
        ratio = mcap["stored"] / ours["stored"]
        ratios[name] = ratio
        others = ", ".join(f"{other} {result['stored'] / ours['stored']:.2f}" for other, result in by.items() if other not in ("capture", "mcap zstd"))
        table.add(f"size of {name} (others: {others})", f"{ours['stored']:,} B", f"{mcap['stored']:,} B mcap zstd", f"{ratio:.3f}", "≥ 1.14", ratio >= 1.14)
        table.ratio(f"write {name}, one thread, against MCAP zstd", ours["write_mb_s"], mcap["write_mb_s"], 4)
        table.ratio(f"read {name}, one thread, against MCAP zstd", ours["read_mb_s"], mcap["read_mb_s"], 1.5)
        lz4, level1 = by["mcap lz4"], by["zstd -1"]
        table.add(f"write {name}, against MCAP lz4, and zstd -1", f"{ours['write_mb_s']:,.0f} MB/s", f"{lz4['write_mb_s']:,.0f}, {level1['write_mb_s']:,.0f} MB/s", f"{ours['write_mb_s'] / lz4['write_mb_s']:.2f}, {ours['write_mb_s'] / level1['write_mb_s']:.2f}", None, True)
    if ratios:
        mean = statistics.geometric_mean(ratios.values())
        table.add("size, geometric mean over the recordings", "", "mcap zstd", f"{mean:.3f}", "≥ 1.25", mean >= 1.25)


def large(table, args, folder, recording):
    gigabytes = 1 if args.quick else 10
    need = gigabytes * 1.6e9
    if shutil.disk_usage(folder).free < need + 5e9:
        print(f"  skipped: a capture of {gigabytes} GB needs {need / 1e9:.0f} GB of room", flush=True)
        return
    path = folder / "large.gcap"
    # Raw bytes, so that the file itself is as large even after compression.
    made = Run([args.peers, "make", recording, 400_000, int(gigabytes * 1.45e9), path]).must().json
    label = f"{made['stored'] / 1e9:.1f} GB capture"
    seek = Run([args.peers, "seek", path]).must().json
    table.at_most(f"open and seek in a {label}, warm, median", seek["median_ms"], 10, "ms", f"worst {seek['worst_ms']:.1f}, first {seek['first_ms']:.1f} ms")
    costs = {}
    # Speed per core: bytes of messages by seconds of CPU, whatever the number of threads.
    for command, least in (("verify", None), ("validate", None), ("stats", 500), ("snapshot", None), ("report", 300)):
        out = folder / "large.html"
        options = {"snapshot": [], "report": ["-o", out, "--force"]}.get(command, ["--format", "json"])
        done = Run([args.binary, command, path, *options])
        costs[command] = done.cpu
        by_cpu, by_clock = made["bytes"] / MB / done.cpu, made["bytes"] / MB / done.seconds
        # A report is made by all cores, and waited for.
        speed, what = (by_clock, "on the clock") if command == "report" else (by_cpu, "of CPU")
        floor, fits = (f"≥ {least} MB/s", speed >= least) if least else (None, True)
        other = f"{by_cpu:,.0f} MB per second of CPU" if command == "report" else f"{by_clock:,.0f} MB per second on the clock"
        table.add(f"`{command}` of a {label}: MB of messages per second {what}", f"{speed:,.0f} MB/s", other, "", floor, fits)
        table.at_most(f"peak memory of `{command}` on a {label}", done.peak_mb, 100, "MB")
    ratio = costs["snapshot"] / costs["stats"]
    table.add("CPU of `snapshot`, against `stats`", f"{costs['snapshot']:.2f} s", f"{costs['stats']:.2f} s", f"{ratio:.2f}", "≤ 1.1", ratio <= 1.1)
    serve = subprocess.Popen([args.binary, "serve", path, "--rate", "max"], stdout=subprocess.PIPE)
    addr = json.loads(serve.stdout.readline())["grpc"]
    Run([args.peers, "drop", addr, 1])
    peak = next(int(line.split()[1]) for line in open(f"/proc/{serve.pid}/status") if line.startswith("VmHWM")) / 1000
    serve.kill()
    serve.wait()
    table.at_most(f"peak memory of `serve` on a {label}", peak, 100, "MB")
    path.unlink()


def first_byte(table, args, folder, recording):
    """From the start of the process to the first message that others can read in the file."""
    with Server(args.peers, recording, 50_000, 10_000_000, 100) as server:
        times = []
        for _ in range(args.rounds):
            out = folder / "first.gcap"
            out.unlink(missing_ok=True)
            began = time.monotonic()
            process = subprocess.Popen([args.binary, "record", "--target", server.addr, "--plaintext", "--job-id", "job", "--no-health-check", "-o", out, "--flush-interval", "100ms", "-q"], stdout=subprocess.DEVNULL)
            head = None
            while process.poll() is None:
                size = out.stat().st_size if out.exists() else 0
                if size and head is None:
                    time.sleep(0.005)
                    head = out.stat().st_size
                elif head and size > head + 10_000:
                    break
                time.sleep(0.001)
            times.append((time.monotonic() - began) * 1e3)
            process.kill()
            process.wait()
        table.at_most("start to the first message on disk, --flush-interval 100ms", statistics.median(times), 300, "ms")


def many(table, args, folder, recording):
    jobs, fps, seconds, size = 200, 10, 10 if args.quick else 60, 50_000
    with Server(args.peers, recording, size, size * fps * seconds, fps) as server:
        bare = Run([args.peers, "drop", server.addr, jobs]).must()
        listed = folder / "jobs.json"
        listed.write_text(json.dumps([{"target": server.addr, "job_id": f"job-{job}"} for job in range(jobs)]))
        out = folder / "jobs"
        done = Run([args.binary, "record", "--jobs", listed, "--plaintext", "--no-health-check", "-o", out, "--on-overflow", "gap", "--format", "json", "-q"])
        report = done.json
        whole = sum(1 for job in report["jobs"] if job["exit_code"] == 0)
        bytes_ = report["message_bytes"]
        table.add(f"{jobs} streams of {bytes_ / seconds / MB:.0f} MB/s together for {seconds} s: messages lost", report["gaps"], "", f"{whole} of {jobs} whole", "0 lost", report["gaps"] == 0 and whole == jobs)
        hundreds = bytes_ / 100e6
        extra = (done.cpu - bare.cpu) / hundreds
        table.at_most(f"{jobs} streams: CPU beyond the bare client's, of one core per 100 MB/s", extra, 0.6, "s/s", f"{bare.cpu / hundreds:.2f} s/s bare")
        table.at_most(f"{jobs} streams: peak memory", done.peak_mb, 100, "MB")
        verified = Run([args.binary, "verify", *sorted(out.glob("*.gcap")), "--format", "json"])
        table.add(f"{jobs} streams: captures verified", "all" if verified.code == 0 else "not all", "", "", "all", verified.code == 0)
        shutil.rmtree(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("peers")
    parser.add_argument("recordings", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write")
    parser.add_argument("--only")
    parser.add_argument("--folder", help="where large files may lie; the temporary folder by default")
    args = parser.parse_intermixed_args()
    args.rounds = 3 if args.quick else 5
    recordings = args.recordings or [str(ROOT / "captures" / name) for name in ("optodas-quake.gcap", "febus-jitter.gcap")]
    feed = max(recordings, key=lambda path: os.path.getsize(path))
    table = Table()
    rows = {
        "streams": lambda folder: streams(table, args, folder, feed),
        "slow": lambda folder: slow_disk(table, args, folder, feed),
        "live": lambda folder: live(table, args, folder, feed),
        "small-calls": lambda folder: small_calls(table, args, folder, feed),
        "large-messages": lambda folder: large_messages(table, args, folder, feed),
        "sizes": lambda folder: sizes(table, args, recordings),
        "first": lambda folder: first_byte(table, args, folder, feed),
        "many": lambda folder: many(table, args, folder, feed),
        "large": lambda folder: large(table, args, folder, feed),
    }
    wanted = args.only.split(",") if args.only else list(rows)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for name in wanted:
            rows[name](pathlib.Path(folder))
    version = Run([args.binary, "--version"]).err or subprocess.run([args.binary, "--version"], capture_output=True, text=True).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    about = f"{time.strftime('%Y-%m-%d')}, {version}, {os.cpu_count()} cores of {cpu}, Linux {platform.release()}, Python {platform.python_version()}; {'--quick, ' if args.quick else ''}medians of {args.rounds}."
    print(f"\n{about}\n\n{table.text()}")
    if args.write:
        write(pathlib.Path(args.write), about, table.text())


def write(path, about, text):
    """Puts the table between the marks of a page."""
    begin, end = "<!-- table -->", "<!-- end of table -->"
    page = path.read_text()
    head, rest = page.split(begin)
    path.write_text(f"{head}{begin}\n{about}\n\n{text}\n{end}{rest.split(end)[1]}")


main()
