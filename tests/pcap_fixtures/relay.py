#!/usr/bin/env python3
"""Carries packets between two hosts, each behind a TUN device in a network namespace of its own, and treats them as the
situation asks: delay, loss, duplication, reordering, marks, fragments. Writes what each host sent and received.

usage: relay.py SITUATION CLIENT_NAMESPACE SERVER_NAMESPACE FOLDER

Prints "ready" when the devices are up, and runs until SIGTERM. Called by capture.sh.
"""
import heapq
import itertools
import os
import select
import signal
import struct
import sys
import time

from situations import SITUATIONS, Packet

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tun_path import open_tun  # noqa: E402

LINKTYPE_RAW = 101


class Capture:
    """A pcap file with nanoseconds, of raw IP packets."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, LINKTYPE_RAW))

    def write(self, packet):
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        self.file.write(struct.pack("<IIII", seconds, nanoseconds, len(packet), len(packet)) + packet)


class Host:
    def __init__(self, tun, capture):
        self.tun = tun
        self.capture = capture

    def receive(self):
        """The next packet that the host sends, or None."""
        try:
            packet = os.read(self.tun, 65535)
        except BlockingIOError:
            return None
        if packet[0] >> 4 != 4:
            return b""  # IPv6 neighbour discovery
        self.capture.write(packet)
        return packet

    def deliver(self, packet):
        self.capture.write(packet)
        os.write(self.tun, packet)


class Relay:
    def __init__(self, situation, client, server):
        self.situation = situation
        self.hosts = {"up": (client, server), "down": (server, client)}
        self.under_way = []  # (due, order, host, packet)
        self.order = itertools.count()
        self.running = True

    def send_later(self, host, delay, packet):
        heapq.heappush(self.under_way, (time.monotonic() + delay, next(self.order), host, packet))

    def take(self, direction):
        source, destination = self.hosts[direction]
        while (octets := source.receive()) is not None:
            if not octets:
                continue
            for delay, packet, back in self.situation.fate(Packet(octets, direction)):
                self.send_later(source if back else destination, self.situation.delay + delay, packet)

    def deliver_due(self):
        while self.under_way and self.under_way[0][0] <= time.monotonic():
            _, _, host, packet = heapq.heappop(self.under_way)
            host.deliver(packet)

    def run(self):
        poll = select.poll()
        directions = {pair[0].tun: direction for direction, pair in self.hosts.items()}
        for tun in directions:
            poll.register(tun, select.POLLIN)
        while self.running:
            until_due = self.under_way[0][0] - time.monotonic() if self.under_way else 0.2
            for tun, _ in poll.poll(max(0.0, until_due) * 1000):
                self.take(directions[tun])
            self.deliver_due()

    def stop(self, *_):
        self.running = False


def main():
    name, client_namespace, server_namespace, folder = sys.argv[1:]
    client = Host(open_tun(client_namespace, "10.77.0.1"), Capture(f"{folder}/{name}.client.pcap"))
    server = Host(open_tun(server_namespace, "10.77.0.2"), Capture(f"{folder}/{name}.server.pcap"))
    relay = Relay(SITUATIONS[name], client, server)
    signal.signal(signal.SIGTERM, relay.stop)
    print("ready", flush=True)
    relay.run()
    for host in (client, server):
        host.capture.file.close()


if __name__ == "__main__":
    main()
