"""A small HTTP server on raw sockets, for handlers that misbehave on purpose. Copied next to them."""

import json
import os
import socket
import threading

PORT = int(os.environ.get("FUNCTIONS_CUSTOMHANDLER_PORT", "0"))


class Request:
    """`head` is every byte up to the empty line; the body is read when asked for."""

    def __init__(self, wire, head, rest):
        self.wire, self.rest = wire, rest
        self.head = head
        line, *headers = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = [tuple(header.split(": ", 1)) for header in headers if header]

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def line(self):
        while b"\r\n" not in self.rest:
            self.rest += self.wire.recv(65536)
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def take(self, size):
        while len(self.rest) < size:
            got = self.wire.recv(65536)
            if not got:
                raise EOFError
            self.rest += got
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def chunks(self):
        """Yield the body as it comes."""
        if self.header("transfer-encoding"):
            while size := int(self.line(), 16):
                yield self.take(size)
                self.line()
            self.line()
            return
        left = int(self.header("content-length") or 0)
        while left:
            piece = self.take(min(left, len(self.rest) or 1))
            left -= len(piece)
            yield piece

    def body(self):
        return b"".join(self.chunks())

    def reply(self, body=b"", status=200, headers=()):
        if not isinstance(body, bytes):
            body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers)]
        self.wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def start(self, status=200, headers=()):
        lines = [f"HTTP/1.1 {status} X", "Transfer-Encoding: chunked", *(f"{k}: {v}" for k, v in headers)]
        self.wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, piece):
        self.wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def finish(self, trailers=()):
        self.wire.sendall(b"0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in trailers) + b"\r\n")


def listen(address="127.0.0.1", port=None):
    return socket.create_server((address, PORT if port is None else port), backlog=1024)


def serve(handler, server=None):
    """Give every request to a thread of its connection's own; the process goes on for ever."""
    server = server or listen()
    while True:
        wire, _ = server.accept()
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=converse, args=(handler, wire), daemon=True).start()


def converse(handler, wire):
    rest = b""
    with wire:
        while True:
            while b"\r\n\r\n" not in rest:
                got = wire.recv(65536)
                if not got:
                    return
                rest += got
            head, _, rest = rest.partition(b"\r\n\r\n")
            request = Request(wire, head, rest)
            handler(request)
            rest = request.rest


def functions(**table):
    """Serve functions in the envelope: each is given Data, Metadata, and returns Outputs, or raises."""

    def handler(request):
        if request.method == "GET" and request.target == "/":
            request.reply(b"ok")
            return
        body = request.body()
        name = request.target.strip("/")
        told = json.loads(body)
        try:
            outputs = table[name](told["Data"], told["Metadata"])
        except Exception as error:
            request.reply({"error": str(error)}, 500, [("Content-Type", "application/problem+json")])
            return
        reply = {"Outputs": outputs, "Logs": [], "ReturnValue": None}
        request.reply(reply, 200, [("Content-Type", "application/json")])

    serve(handler)
