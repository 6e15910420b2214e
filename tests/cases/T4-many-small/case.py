"""Many small requests of grpc-go, on one stream and on many streams at once."""

MESSAGES, STREAMS = 20_000, 3_000


def ways(kit, *told):
    """What the client prints directly, through a proxy, and by serve of what the proxy recorded."""
    peer = kit.go("peer")
    address, _ = kit.peer(peer, "server")
    yield "directly", kit.client(peer, *told, "-a", address)
    proxy = kit.proxy(address, code=(0,))
    yield "through a proxy", kit.client(peer, *told, "-a", proxy.grpc)
    proxy.finish()
    served = kit.background("serve", proxy.kept, "--rate", "max")
    yield "by serve", kit.client(peer, *told, "-a", served.grpc)
    served.finish()


def case_messages_of_one_stream(kit):
    """20,000 messages that a client pushes are taken, and answered once."""
    for way, came in ways(kit, "push", "-n", MESSAGES):
        assert came == f'"sum {MESSAGES}" <nil>\n', f"{way}: {came}"


def case_streams_at_once(kit):
    """3,000 streams of one connection are open at once, and each is answered by its own."""
    for way, came in ways(kit, "many", "-n", STREAMS, "-to", "10s"):
        assert came == f"{STREAMS} good, {STREAMS} open at once\n", f"{way}: {came}"
