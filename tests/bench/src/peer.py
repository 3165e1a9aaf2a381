"""A host agent in plain Python, to measure against: one thread a connection, HTTP/1.1 with keep-alive.

It answers as the agents of this kind do: from what was sampled last, marshalled for each call. The sample is the XML-RPC answer on
standard input.
"""
import signal
import socketserver
import sys
import xmlrpc.client
import xmlrpc.server

DONE = {"code": 0, "message": "Done"}


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    protocol_version = "HTTP/1.1"
    rpc_paths = ("/", "/RPC2")
    disable_nagle_algorithm = True
    # Buffered, so that head and body leave together.
    wbufsize = -1


class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
    daemon_threads = True


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    given = sys.stdin.buffer.read()
    stats = xmlrpc.client.loads(given)[0][0] if given else {"status": DONE, "statsList": []}
    server = Server(("127.0.0.1", 0), Handler, logRequests=False)
    server.register_function(lambda: {"status": DONE}, "ping")
    server.register_function(lambda: stats, "getAllVmStats")
    print("listening on http://%s:%d/" % server.server_address, flush=True)
    server.serve_forever()


main()
