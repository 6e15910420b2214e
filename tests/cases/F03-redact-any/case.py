"""A field rule reaches its field wherever the schema allows the field. A message that cannot be searched is left out."""

import gzip

import _gcap as g
from _seeds import field, schema

SECRET = b"hunter2"
INNER = field(1, SECRET)
URL = b"type.googleapis.com/t.M"


def any_of(url, value):
    return field(1, url) + field(2, value)


# How the secret is packed, and what then holds it.
PLACES = {
    "plain": INNER,
    "child": field(4, INNER),
    "children": field(5, INNER) + field(5, INNER),
    "any": field(6, any_of(URL, INNER)),
    "any of another host": field(6, any_of(b"example.com/a/t.M", INNER)),
    "any, value first": field(6, field(2, INNER) + field(1, URL)),
    "any in any": field(6, any_of(URL, field(6, any_of(URL, INNER)))),
    "any in a child": field(4, field(6, any_of(URL, INNER))),
    "any that packs an Any": field(6, any_of(b"type.googleapis.com/google.protobuf.Any", any_of(URL, INNER))),
    "field twice": INNER + field(1, b"") + INNER,
    "any of an unknown type": field(6, any_of(b"type.googleapis.com/gone.M", INNER)),
}


def capture(payloads, method="/t.S/U", compressed=False):
    start = g.text(method) + g.text("a:1") + g.text("b:2") + g.metadata([("grpc-encoding", "gzip")]) + g.metadata([])
    headers = g.metadata([("grpc-encoding", "gzip")])
    records = [g.Record(1, 1, 0, g.CALL_START, start), g.Record(1, 2, 1, g.HEADERS, headers)]
    for at, payload in enumerate(payloads, 3):
        payload = gzip.compress(payload, mtime=0) if compressed else payload
        records.append(g.message(1, at, at, payload, received=at % 2 == 1, compressed=compressed))
    records.append(g.Record(1, 3 + len(payloads), 100, g.END, g.u32(0) * 2 + g.text("") + g.metadata([]) + b"\0"))
    attributes = [(b"tool", b"by hand")]
    chunk = g.Chunk(records, before=[g.schema_part(schema())])
    return g.Capture(anchor=10**18, attributes=attributes, chunks=[chunk]).sealed()


def leaks(kit, out):
    """Whether the secret stands in what the new capture holds."""
    if SECRET in kit.run("cat", out, "--raw", "--direction", "both", code={0, 3}).out:
        return True
    return any(SECRET in record.rest for record in g.Capture.read(open(out, "rb").read()).records)


def case_the_field_is_hidden_in_every_place(kit):
    """The value is gone, or the message is withheld and the command exits 3."""
    for number, (name, payload) in enumerate(PLACES.items()):
        for compressed in (False, True):
            path = kit.file(f"in-{number}.gcap", capture([payload, payload], compressed=compressed))
            out = kit.file(f"out-{number}-{compressed}.gcap")
            ran = kit.run("redact", path, "-o", out, "--field", "t.M.password=mask", code={0, 3})
            kit.run("verify", out)
            known = "unknown" not in name
            assert not leaks(kit, out), f"{name}, compressed {compressed}: exit {ran.code}, and the value is there"
            assert known or ran.code == 3, f"{name}: exit 0, and nothing was looked into"
            assert not known or ran.code == 0 or "gap" in str(kit.events(out)), f"{name}: exit {ran.code} without a gap"


def case_a_group_is_looked_into(kit):
    """A rule for a field of a group hides it."""
    path = kit.file("in.gcap", capture([b"\x53" + INNER + b"\x54"] * 2))
    ran = kit.run("redact", path, "-o", kit.file("out.gcap"), "--field", "t.M.Group.password=mask", code={0, 3})
    assert not leaks(kit, kit.file("out.gcap")), f"exit {ran.code}, and the value is there"


def case_messages_of_a_method_that_the_schema_lacks_are_withheld(kit):
    """Exit 3, a gap for each, and no byte of them in the new capture."""
    path = kit.file("in.gcap", capture([INNER, INNER], method="/t.S/Gone"))
    kit.run("redact", path, "-o", kit.file("out.gcap"), "--field", "t.M.password=mask", code=3)
    assert not leaks(kit, kit.file("out.gcap"))
    assert any(event["event"] == "gap" for event in kit.events(kit.file("out.gcap")))


def case_a_rule_that_matches_nothing_is_said(kit):
    """The rule is named on stdout or stderr."""
    path = kit.file("in.gcap", capture([b"\x10\x05"]))
    ran = kit.run("redact", path, "-o", kit.file("out.gcap"), "--field", "t.M.password=mask", code=None)
    assert b"t.M.password" in ran.out + ran.err, "nothing is said of the rule"
