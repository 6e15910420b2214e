"""Text files that begin with a byte-order mark, as editors on Windows and PowerShell write them. The mark is ignored."""

import http.server
import json
import threading

MARK = b"\xef\xbb\xbf"
CERTIFICATES = "F16-v1-certificate"
TOKEN = "t0ken-of-a-file"


def marked(kit, name, text):
    """A file that begins with the mark, and whose lines end as Windows' do."""
    return kit.file(name, MARK + text.replace("\n", "\r\n").encode())


def example(kit):
    return kit.root / "captures/optodas-quake.gcap"


def case_a_job_of_record(kit):
    """record takes the description of its job, in JSON and in TOML, and the list of --jobs."""
    server = kit.background("serve", example(kit), "--rate", "max")
    rest = server.ready["rest"]
    jobs = {"job.json": '{"sensors": "1..3", "frequency": "0..500"}\n', "job.toml": 'sensors = "1..3"\nfrequency = "0..500"\n'}
    for name, text in jobs.items():
        told = ("--job", marked(kit, name, text), "--plaintext", "--max-frames", "2", "-o", kit.file(f"{name}.gcap"))
        said = kit.json("record", "--server", rest, *told)
        assert said["messages"] == 2, f"{name}: {said}"
    lists = {
        "jobs.toml": f'[[jobs]]\ntarget = "{server.grpc}"\njob_id = "{server.ready["job_ids"][0]}"\n',
        "jobs.json": json.dumps({"jobs": [{"target": server.grpc, "job_id": server.ready["job_ids"][0]}]}),
    }
    for name, text in lists.items():
        kit.run("record", "--jobs", marked(kit, name, text), "--plaintext", "--max-frames", "2", "-o", kit.file(f"{name}-of"))


def case_expectations_and_baselines(kit):
    """validate takes expectations and a baseline, and judges by them."""
    expected = kit.run("validate", example(kit), "--init").out.decode()
    kit.run("validate", example(kit), "--expect", marked(kit, "expect.toml", expected))
    kit.run("stats", example(kit), "--save-baseline", kit.file("baseline.json"))
    with open(kit.file("baseline.json"), encoding="utf-8") as file:
        kit.run("validate", example(kit), "--baseline", marked(kit, "marked.json", file.read()))


def case_rules_values_and_faults(kit):
    """redact takes its rules and values, and serve a plan of faults."""
    noted, out = kit.file("noted.gcap"), kit.file("out.gcap")
    kit.run("note", kit.root / "captures/zero-ids.gcap", "seen at fibreville", "-o", noted)
    rules = marked(kit, "rules.toml", '[metadata]\nx-site = "drop"\n')
    # The first line is the one that a mark would spoil.
    values = marked(kit, "values.txt", "fibreville\nelsewhere\n")
    kit.run("redact", noted, "--rules", rules, "--values", values, "-o", out)
    assert "fibreville" in kit.run("info", noted).out.decode() + json.dumps(kit.events(noted))
    assert "fibreville" not in kit.run("info", out).out.decode() + json.dumps(kit.events(out)), "the first value is not hidden"
    plan = marked(kit, "plan.toml", 'seed = 7\n\n[[fault]]\nkind = "drop"\nevery = 10\n')
    kit.background("serve", example(kit), "--fault-plan", plan).finish()


def case_a_schema(kit):
    """A .proto file, and one that it imports."""
    kit.file("inner.proto", MARK + b'syntax = "proto3";\r\npackage t;\r\nmessage I { string name = 1; }\r\n')
    text = 'syntax = "proto3";\npackage t;\nimport "inner.proto";\nservice S { rpc U(I) returns (I); }\n'
    schema = marked(kit, "outer.proto", text)
    flags = ("-l", "127.0.0.1:0", "-t", "127.0.0.1:1", "--plaintext", "--reflect=never", "--allow-empty")
    kit.background("proxy", *flags, "--proto", schema, "-o", kit.file("o.gcap")).finish()


def case_certificates(kit):
    """PEM files of serve and of record: certificate, key, authority."""
    folder = kit.root / "tests/cases" / CERTIFICATES
    names = ("ca.pem", "server.pem", "server.key")
    authority, certificate, key = (marked(kit, name, (folder / name).read_text()) for name in names)
    server = kit.background("serve", example(kit), "--rate", "max", "--cert", certificate, "--key", key)
    job = server.ready["job_ids"][0]
    told = ("-t", server.grpc, "--job-id", job, "--cacert", authority, "--max-frames", "2", "-o", kit.file("o.gcap"))
    said = kit.json("record", *told)
    assert said["messages"] == 2, said


class Jira(http.server.BaseHTTPRequestHandler):
    """Remembers how the client was authorised, and refuses it."""

    def answer(self):
        self.server.seen.append(self.headers.get("authorization"))
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def case_a_token(kit):
    """attach sends the token of its file as it is, without the mark."""
    jira = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Jira)
    jira.seen = []
    threading.Thread(target=jira.serve_forever, daemon=True).start()
    kit.running.callback(jira.server_close)
    kit.running.callback(jira.shutdown)
    token = marked(kit, "token", TOKEN + "\n")
    address = f"http://127.0.0.1:{jira.server_address[1]}"
    kit.run("attach", "--jira", address, "--token-file", token, "DAS-1", kit.file("note.txt", "a note"), code=None)
    assert jira.seen and set(jira.seen) == {f"Bearer {TOKEN}"}, jira.seen
