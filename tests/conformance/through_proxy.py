"""A server under test: the server of the suite, behind `capture proxy`.

usage: connectconformance --mode server --conf CONF -- python through_proxy.py CAPTURE OUTDIR SERVER...

Captures are written to OUTDIR, for from_capture.py.
"""

import os
import subprocess
import sys

import _wire


def main():
    binary, out, server = sys.argv[1], sys.argv[2], sys.argv[3:]
    request = _wire.read(sys.stdin.buffer)
    wanted = _wire.fields(request)
    behind = subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    behind.stdin.write(_wire.framed(request))
    behind.stdin.close()
    told = _wire.fields(_wire.read(behind.stdout))
    place = _wire.folder(out, request, "proxy")

    def file(name, content):
        path = os.path.join(place, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    target = f"127.0.0.1:{told[_wire.PORT]}"
    arguments = [binary, "proxy", "-l", "127.0.0.1:0", "-t", target, "--allow-empty", "-o", os.path.join(place, "x.gcap")]
    if wanted.get(_wire.USE_TLS):
        credentials = _wire.fields(wanted[_wire.SERVER_CREDS])
        arguments += ["--tls-cert", file("cert.pem", credentials[_wire.CERT])]
        arguments += ["--tls-key", file("key.pem", credentials[_wire.KEY])]
        arguments += ["--cacert", file("ca.pem", told[_wire.PEM_CERT])]
    else:
        arguments += ["--plaintext"]
    process, port = _wire.capture(place, "proxy", arguments)

    def end_server():
        behind.terminate()
        behind.wait(10)

    _wire.answer(port, told.get(_wire.PEM_CERT))
    _wire.until_stopped(process, end_server)


if __name__ == "__main__":
    main()
