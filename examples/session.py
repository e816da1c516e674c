#!/usr/bin/env python3
"""Many operations by one process: session.py MODEL COUNT puts COUNT values without waiting for each, then reads one."""
import json
import subprocess
import sys


class Session:
    def __init__(self):
        self.process = subprocess.Popen(["swamp", "session"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.next_id = 0
        self.replies = {}

    def send(self, op, **args):
        """Sends a request, and does not wait; `receive` takes the id that this returns."""
        self.next_id += 1
        self.process.stdin.write(json.dumps({"id": self.next_id, "op": op, "args": args}) + "\n")
        self.process.stdin.flush()
        return self.next_id

    def receive(self, wanted):
        """Replies come as the operations end: those of others are kept until they are asked for."""
        while wanted not in self.replies:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the session has ended")
            reply = json.loads(line)
            self.replies[reply["id"]] = reply
        reply = self.replies.pop(wanted)
        if "error" in reply:
            raise RuntimeError(f"{reply['error']['code']}: {reply['error']['message']}")
        return reply["result"]

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


model, count = sys.argv[1], int(sys.argv[2])
session = Session()
session.receive(session.send("data.put", model=model, name="n/0", source="value 0", create=True))
# A program that sends more than fits into two pipes before it reads would wait for ever: 50 at a time.
for start in range(1, count + 1, 50):
    ids = [session.send("data.put", model=model, name=f"n/{i}", source=f"value {i}") for i in range(start, min(start + 50, count + 1))]
    for one in ids:
        session.receive(one)
print(session.receive(session.send("data.get", model=model, name=f"n/{count}"))["content"])
sys.exit(session.close())
