#!/usr/bin/env python3
"""The situations that the captures show: what the path does to packets, and what the applications on both hosts do.

usage: situations.py list | sysctls SITUATION | client SITUATION | server SITUATION

Called by capture.sh and relay.py. A situation is a class below; its first line of documentation is what index.md says.
"""
import random
import socket
import struct
import sys
import threading
import time

CLIENT, SERVER, ROUTER = "10.77.0.1", "10.77.0.2", "10.77.0.254"
PORT = 8080
FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
TCP, ICMP = 6, 1


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_header_checksum(octets):
    header = octets[:10] + b"\0\0" + octets[12:20]
    return header[:10] + struct.pack("!H", checksum(header)) + octets[12:]


class Packet:
    """An IPv4 packet on its way, "up" to the server or "down" to the client."""

    def __init__(self, octets, direction):
        self.octets = octets
        self.up = direction == "up"
        self.protocol = octets[9]
        self.flags, self.text, self.seq = 0, b"", 0
        if self.protocol == TCP:
            header = octets[20:]
            self.seq = struct.unpack("!I", header[4:8])[0]
            self.flags = header[13]
            self.text = header[(header[12] >> 4) * 4 :]

    def has(self, flag):
        return bool(self.flags & flag)

    @property
    def is_pure_ack(self):
        return self.flags == ACK and not self.text

    def marked_ce(self):
        tos = self.octets[1] | 3
        return with_header_checksum(self.octets[:1] + bytes([tos]) + self.octets[2:])

    def fragments(self, size):
        """The packet cut into fragments with at most `size` octets of payload each, whatever DF says."""
        header, payload = self.octets[:20], self.octets[20:]
        for offset in range(0, len(payload), size):
            piece = payload[offset : offset + size]
            more = 0x2000 if offset + size < len(payload) else 0
            fields = struct.pack("!H", 20 + len(piece)) + header[4:6] + struct.pack("!H", more | offset // 8)
            yield with_header_checksum(header[:2] + fields + header[8:] + piece)

    def too_big(self, mtu):
        """ICMP "fragmentation needed" about this packet."""
        icmp = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + self.octets[:28]
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        addresses = socket.inet_aton(ROUTER) + self.octets[12:16]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, ICMP, 0) + addresses
        return with_header_checksum(header + icmp)


# --- applications ---


def listen(**options):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if "receive_buffer" in options:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
    if options.get("fast_open"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    listener.bind((SERVER, PORT))
    listener.listen(64)
    print("ready", flush=True)
    return listener


def accept(**options):
    return listen(**options).accept()[0]


def connect(port=PORT):
    return socket.create_connection((SERVER, port), timeout=30)


def read_to_end(connection):
    size = 0
    while octets := connection.recv(65536):
        size += len(octets)
    return size


def echo(connection):
    while octets := connection.recv(65536):
        connection.sendall(octets)
    connection.close()


def text(size):
    line = b"abcdefghijklmnopqrstuvwxyz0123456789\n"
    return (line * (size // len(line) + 1))[:size]


# --- situations ---


class Situation:
    delay = 0.005  # seconds, one way
    sysctls = ()  # for both hosts

    def __init__(self):
        self.random = random.Random(9293)
        self.seen = set()

    def fate(self, packet):
        """What becomes of a packet: tuples of extra delay, octets, and whether they go back to the sender."""
        if not self.is_lost(packet):
            yield 0, packet.octets, False

    def is_lost(self, packet):
        return False

    def first_time(self, key):
        """True once for each key."""
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def server(self):
        echo(accept())

    def client(self):
        with connect() as connection:
            connection.sendall(b"hi")
            connection.recv(100)


class Upload(Situation):
    """The client sends, the server reads to the end and closes."""

    size = 65536

    def server(self):
        with accept() as connection:
            read_to_end(connection)

    def client(self):
        with connect() as connection:
            connection.sendall(text(self.size))
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)


class EchoClean(Situation):
    """3 echoes, orderly close by the client"""

    def client(self):
        with connect() as connection:
            for number in range(3):
                connection.sendall(b"hello %d" % number)
                connection.recv(100)
                time.sleep(0.05)


class Interactive(Situation):
    """40 one-byte writes 20 ms apart, echoed: delayed ACKs ride on the echo"""

    def client(self):
        with connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(40):
                connection.sendall(b"x")
                connection.recv(1)
                time.sleep(0.02)


class UploadClean(Upload):
    """64 KB upload, nothing goes wrong"""


class BurstLoss(Upload):
    """3 consecutive data segments lost once: recovery of several holes by SACK"""

    lost = {20, 21, 22}

    def is_lost(self, packet):
        if packet.up and packet.text and self.first_time(packet.seq):
            self.count = getattr(self, "count", 0) + 1
            return self.count in self.lost
        return False


class UploadLoss5(Upload):
    """96 KB upload, 5 % of all packets lost at random, both ways: SACK, fast retransmit, RTO"""

    size = 98304

    def is_lost(self, packet):
        return self.random.random() < 0.05


class UploadAckLoss(Upload):
    """64 KB upload, 30 % of the server's packets lost"""

    def is_lost(self, packet):
        return not packet.up and not packet.has(SYN) and self.random.random() < 0.3


class UploadDup(Upload):
    """48 KB upload, 20 % of the client's packets delivered twice: D-SACK"""

    size = 49152

    def fate(self, packet):
        yield 0, packet.octets, False
        if packet.up and self.random.random() < 0.2:
            yield 0.001, packet.octets, False


class UploadReorder(Upload):
    """64 KB upload, 12 % of the segments 30 ms late: reordering, D-SACK"""

    def fate(self, packet):
        late = packet.up and packet.text and self.random.random() < 0.12
        yield 0.03 if late else 0, packet.octets, False


class NoOptions(UploadLoss5):
    """no SACK, timestamps or window scaling; 64 KB upload with 8 % loss: NewReno"""

    size = 65536
    sysctls = ("net.ipv4.tcp_sack=0", "net.ipv4.tcp_timestamps=0", "net.ipv4.tcp_window_scaling=0")

    def is_lost(self, packet):
        return self.random.random() < 0.08


class SpuriousRto(Upload):
    """the server's ACKs are held 600 ms once: spurious retransmission, D-SACK, F-RTO"""

    def fate(self, packet):
        if packet.up and packet.text:
            self.segments = getattr(self, "segments", 0) + 1
        holding = getattr(self, "holding", None)
        if not packet.up and holding is None and getattr(self, "segments", 0) >= 15:
            self.holding = holding = time.monotonic() + 0.6
        yield max(0, holding - time.monotonic()) if holding and not packet.up else 0, packet.octets, False


class TailLoss(Situation):
    """the last data segment lost once: tail loss probe"""

    def is_lost(self, packet):
        is_last = packet.up and packet.has(PSH) and 0 < len(packet.text) < 1448
        return is_last and self.first_time("tail")

    def server(self):
        with accept() as connection:
            size = 0
            while size < 8000:
                size += len(connection.recv(65536))
            connection.sendall(b"ok")
            read_to_end(connection)

    def client(self):
        with connect() as connection:
            connection.sendall(text(8000))
            connection.recv(100)


class SynLostTwice(Situation):
    """the first two SYNs lost"""

    def is_lost(self, packet):
        return packet.flags == SYN and packet.up and (self.first_time(1) or self.first_time(2))


class SynAckLost(Situation):
    """the first SYN,ACK lost"""

    def is_lost(self, packet):
        return packet.has(SYN) and not packet.up and self.first_time("syn,ack")


class HandshakeAckLost(Situation):
    """the handshake's last ACK lost: the first text brings it"""

    def is_lost(self, packet):
        return packet.up and packet.is_pure_ack and self.first_time("ack")

    def client(self):
        with connect() as connection:
            time.sleep(0.3)
            connection.sendall(b"hi")
            connection.recv(100)


class FinLost(Situation):
    """the client's first FIN lost"""

    def is_lost(self, packet):
        return packet.up and packet.has(FIN) and self.first_time("fin")


class Refused(Situation):
    """a closed port: RST"""

    def server(self):
        print("ready", flush=True)

    def client(self):
        try:
            connect(PORT + 1)
        except ConnectionRefusedError:
            pass


class PortScan(Situation):
    """connect() to 60 ports, one of them open"""

    def server(self):
        listen().accept()[0].close()

    def client(self):
        for port in range(8030, 8090):
            try:
                connect(port).close()
            except ConnectionRefusedError:
                pass


class RstLinger0(Situation):
    """the client aborts: RST (SO_LINGER 0)"""

    def server(self):
        try:
            echo(accept())
        except ConnectionResetError:
            pass

    def client(self):
        connection = connect()
        connection.sendall(b"hi")
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


class RstUnreadData(Situation):
    """the server closes with text unread: RST"""

    def server(self):
        connection = accept()
        time.sleep(0.2)
        connection.close()

    def client(self):
        with connect() as connection:
            connection.sendall(text(500))
            try:
                connection.recv(100)
            except ConnectionResetError:
                pass


class HalfClose(Situation):
    """the client sends FIN first, then the server sends 20 KB"""

    def server(self):
        with accept() as connection:
            read_to_end(connection)
            connection.sendall(text(20000))

    def client(self):
        with connect() as connection:
            connection.sendall(b"get")
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)


class ServerClosesFirst(Situation):
    """the server sends and closes first"""

    def server(self):
        with accept() as connection:
            connection.sendall(b"bye")

    def client(self):
        with connect() as connection:
            read_to_end(connection)
            time.sleep(0.1)


class SimultaneousClose(Situation):
    """both FINs on the way at once (40 ms one way)"""

    delay = 0.04

    def server(self):
        connection = accept()
        connection.recv(2)
        close_at = struct.unpack("!d", connection.recv(8))[0]
        time.sleep(max(0, close_at - time.time()))
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    def client(self):
        with connect() as connection:
            connection.sendall(b"hi")
            time.sleep(0.1)
            close_at = time.time() + 0.4
            connection.sendall(struct.pack("!d", close_at))
            time.sleep(max(0, close_at - time.time()))
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)


class SimultaneousOpen(Situation):
    """both sides open actively at the same moment (150 ms one way)"""

    delay = 0.15

    def open(self, here, there):
        connection = socket.socket()
        connection.bind(here)
        time.sleep(1 - time.time() % 1)  # both start at a full second
        connection.connect(there)
        connection.sendall(b"x")
        connection.recv(1)
        time.sleep(0.1)
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    def server(self):
        print("ready", flush=True)
        self.open((SERVER, 7002), (CLIENT, 7001))

    def client(self):
        self.open((CLIENT, 7001), (SERVER, 7002))


class KeepAliveSituation(Situation):
    def probe_every_second(self, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connection.setsockopt(socket.IPPROTO_TCP, option, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


class KeepAlive(KeepAliveSituation):
    """an idle connection: 3 keep-alive probes, one second apart, answered"""

    def server(self):
        with accept() as connection:
            read_to_end(connection)

    def client(self):
        with connect() as connection:
            self.probe_every_second(connection)
            connection.sendall(b"x")
            time.sleep(3.6)


class KeepAliveDeadPeer(KeepAliveSituation):
    """the server's packets vanish behind the handshake: keep-alive probes, then RST"""

    def is_lost(self, packet):
        return not packet.up and not packet.has(SYN)

    def server(self):
        with accept() as connection:
            time.sleep(5)

    def client(self):
        with connect() as connection:
            self.probe_every_second(connection)
            try:
                connection.recv(1)
            except TimeoutError:
                pass


class RtoBackoff(Situation):
    """all text lost: exponential back-off for 7 s, then the user timeout's RST"""

    def is_lost(self, packet):
        return packet.up and bool(packet.text)

    def server(self):
        with accept():
            time.sleep(8)

    def client(self):
        with connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 7000)
            connection.sendall(text(100))
            try:
                connection.recv(1)
            except OSError:
                pass


class ZeroWindow(Upload):
    """the server stalls 1.5 s with a small buffer: zero window, probes, update"""

    size = 40000

    def server(self):
        with accept(receive_buffer=2304) as connection:
            time.sleep(1.5)
            read_to_end(connection)


class Urgent(Situation):
    """an urgent octet (MSG_OOB) in the middle"""

    def server(self):
        with accept() as connection:
            read_to_end(connection)

    def client(self):
        with connect() as connection:
            connection.sendall(b"abc")
            connection.send(b"!", socket.MSG_OOB)
            connection.sendall(b"def")
            time.sleep(0.1)


class TinyMss(Situation):
    """the client offers an MSS of 88 and has 1,500 octets echoed"""

    def client(self):
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
        connection.connect((SERVER, PORT))
        connection.sendall(text(1500))
        size = 0
        while size < 1500:
            size += len(connection.recv(65536))
        connection.close()


class Pmtu600(Upload):
    """path MTU 600: ICMP "fragmentation needed", then smaller segments"""

    size = 30001
    mtu = 600

    def fate(self, packet):
        if packet.up and len(packet.octets) > self.mtu:
            yield 0, packet.too_big(self.mtu), True
        else:
            yield 0, packet.octets, False


class IpFragments(Upload):
    """the path cuts every packet above 300 octets into IP fragments"""

    size = 12000

    def fate(self, packet):
        if packet.up and len(packet.octets) > 300:
            for fragment in packet.fragments(280):
                yield 0, fragment, False
        else:
            yield 0, packet.octets, False


class EcnCe(Upload):
    """ECN negotiated, every 5th data packet marked CE: ECE and CWR"""

    sysctls = ("net.ipv4.tcp_ecn=1",)

    def fate(self, packet):
        if packet.up and packet.text:
            self.count = getattr(self, "count", 0) + 1
            if self.count % 5 == 0:
                yield 0, packet.marked_ce(), False
                return
        yield 0, packet.octets, False


class Tfo(Situation):
    """TCP Fast Open: first a cookie request, then a SYN with text"""

    sysctls = ("net.ipv4.tcp_fastopen=3",)

    def server(self):
        listener = listen(fast_open=True)
        for _ in range(2):
            with listener.accept()[0] as connection:
                connection.sendall(connection.recv(100))

    def client(self):
        for _ in range(2):
            with socket.socket() as connection:
                connection.sendto(b"hello", socket.MSG_FASTOPEN, (SERVER, PORT))
                read_to_end(connection)
            time.sleep(0.1)


class Parallel8(Situation):
    """8 connections at a time, 3 % loss"""

    connections = 8

    def is_lost(self, packet):
        return self.random.random() < 0.03

    def serve(self, connection):
        with connection:
            read_to_end(connection)
            connection.sendall(text(3000))

    def call(self):
        with connect() as connection:
            connection.sendall(text(9000))
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)

    def server(self):
        listener = listen()
        self.together(lambda: self.serve(listener.accept()[0]))

    def client(self):
        self.together(self.call)

    def together(self, work):
        threads = [threading.Thread(target=work) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


SITUATIONS = {
    "echo-clean": EchoClean(),
    "interactive": Interactive(),
    "upload-clean": UploadClean(),
    "burst-loss": BurstLoss(),
    "upload-loss5": UploadLoss5(),
    "upload-ackloss": UploadAckLoss(),
    "upload-dup": UploadDup(),
    "upload-reorder": UploadReorder(),
    "no-options": NoOptions(),
    "spurious-rto": SpuriousRto(),
    "tail-loss": TailLoss(),
    "syn-lost-twice": SynLostTwice(),
    "synack-lost": SynAckLost(),
    "handshake-ack-lost": HandshakeAckLost(),
    "fin-lost": FinLost(),
    "refused": Refused(),
    "port-scan": PortScan(),
    "rst-linger0": RstLinger0(),
    "rst-unread-data": RstUnreadData(),
    "half-close-server-sends": HalfClose(),
    "server-closes-first": ServerClosesFirst(),
    "simultaneous-close": SimultaneousClose(),
    "simultaneous-open": SimultaneousOpen(),
    "keepalive": KeepAlive(),
    "keepalive-dead-peer": KeepAliveDeadPeer(),
    "rto-backoff": RtoBackoff(),
    "zero-window": ZeroWindow(),
    "urgent": Urgent(),
    "tiny-mss": TinyMss(),
    "pmtu-600": Pmtu600(),
    "ip-fragments": IpFragments(),
    "ecn-ce": EcnCe(),
    "tfo": Tfo(),
    "parallel-8": Parallel8(),
}


def main():
    what, name = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    if what == "list":
        for name, situation in SITUATIONS.items():
            print(f"{name:<24} {situation.__doc__}")
    elif what == "sysctls":
        print(*SITUATIONS[name].sysctls)
    else:
        getattr(SITUATIONS[name], what)()


if __name__ == "__main__":
    main()
