"""Runs the interop cases of grpc-java and grpc-go with each other: directly, through the proxy, and against `serve`.

usage: interop_java.py CAPTURE BIN JARS

BIN is the folder with the interop programs `client` and `server` of grpc-go, and JARS the folder with those of grpc-java
(README.md says how to install them). The clients are grpc-go's and grpc-java's with netty and with okhttp, the servers
grpc-go's and grpc-java's. interop.py tests grpc-go's client with grpc-go's server. A case must end through the proxy as it
ends without it. If it succeeds, it must also succeed against `capture serve` of what the proxy recorded, at the recorded rate
and at rate max. Prints one line for each client, server and way, each failure, and at the end `N passed, N failed`.
"""

import pathlib
import subprocess
import sys
import tempfile

import interop

# The cases of grpc-java that need no account of a cloud, besides those of interop.py.
JAVA_CASES = [
    "client_compressed_unary",
    "server_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_streaming",
    "very_large_request",
    "pick_first_unary",
]
CLIENTS = ["go", "netty", "okhttp"]
SERVERS = ["go", "java"]


class Java:
    """grpc-java's client: one process for all cases."""

    def __init__(self, jars):
        source = pathlib.Path(__file__).resolve().parent / "java" / "Interop.java"
        command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(source)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def problem(self, port, transport, case):
        self.process.stdin.write(f"{port} {transport} {case}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        assert line, "grpc-java's client ended"
        return None if line == "ok" else f"{case}: {line.removeprefix('failed ')[:300]}"

    def end(self):
        self.process.stdin.close()
        self.process.wait(interop.HANGS_S)


def java_server(jars):
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", "io.grpc.testing.integration.TestServiceServer"]
    return interop.listening("grpc-java", lambda port: [*java, f"--port={port}", "--use_tls=false"])


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    binary, bins, jars = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:4])
    java = Java(jars)
    passed = failed = 0

    def outcomes(client, port, cases):
        """What each case says against; nothing when it succeeds."""
        if client == "go":
            return {case: interop.satisfies(bins, case, port) for case in cases}
        return {case: java.problem(port, client, case) for case in cases}

    def count(name, cases, problems):
        nonlocal passed, failed
        passed += len(cases) - len(problems)
        failed += len(problems)
        print(f"{name}: {len(cases) - len(problems)} of {len(cases)} cases", *problems, sep="\n  ", flush=True)

    with tempfile.TemporaryDirectory() as place:
        for server in SERVERS:
            for client in CLIENTS:
                if (client, server) == ("go", "go"):
                    continue
                name = f"{client} client, {server} server"
                cases = interop.CASES + ([] if client == "go" else JAVA_CASES)
                capture = f"{place}/{client}-{server}.gcap"
                with java_server(jars) if server == "java" else interop.go_server(bins) as port:
                    direct = outcomes(client, port, cases)
                    proxy = [binary, "proxy", "-l", "127.0.0.1:0", "-t", f"127.0.0.1:{port}", "--plaintext", "-o", capture]
                    with interop.running(proxy, f"{place}/proxy") as port:
                        proxied = outcomes(client, port, cases)
                differ = [
                    proxied[case] or f"{case}: succeeds, and fails without the proxy: {direct[case]}"
                    for case in cases
                    if bool(proxied[case]) != bool(direct[case])
                ]
                good = [case for case in cases if direct[case] is None]
                count(f"{name}: {len(good)} succeed without the proxy; through the proxy as without it", cases, differ)
                # Its client usually gives up before it has sent its call: interop.py tests it.
                good = [case for case in good if case != interop.RACES]
                for rate in ["1", "max"]:
                    serve = [binary, "serve", capture, "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--rate", rate]
                    with interop.running(serve, f"{place}/serve") as port:
                        served = outcomes(client, port, good)
                    count(f"{name}: served at rate {rate}", good, [problem for problem in served.values() if problem])
    java.end()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
