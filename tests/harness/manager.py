"""A manager with nothing but xmlrpc.client: creates a VM, watches it, destroys it, and says each fact as a line of JSON.

    manager.py URL create CONF.json      list | stats VM | destroy VM

Exit 0 when the host answered 0, else 1 with the status on standard error.
"""

import json
import sys
import xmlrpc.client


def answer(reply):
    """The reply without its status, which must be 0."""
    status = reply.pop("status")
    if status["code"] != 0:
        print(json.dumps(status), file=sys.stderr)
        sys.exit(1)
    return reply


def main(url, verb, *arguments):
    host = xmlrpc.client.ServerProxy(url)
    if verb == "create":
        with open(arguments[0], encoding="utf-8") as file:
            reply = host.create(json.load(file))
    elif verb == "list":
        reply = host.list(True)
    elif verb == "stats":
        reply = host.getVmStats(arguments[0])
    elif verb == "destroy":
        reply = host.destroy(arguments[0])
    else:
        sys.exit(__doc__)
    print(json.dumps(answer(reply), default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
