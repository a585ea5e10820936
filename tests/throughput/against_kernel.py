#!/usr/bin/env python3
"""Measures what one connection of ours and one of this machine's kernel carry over the same impaired path, in turns.

usage: against_kernel.py BACKSTOP [--loss PERCENT] [--delay MS] [--control NAME] [--seconds S] [--rounds N]

The path is the one of table.txt: 20 Mbit/s with a queue of 100 packets, random loss in the direction of the text, and a
delay in each direction; both senders lose the same packets by number. It runs in real time, between two network
namespaces and through a relay of its own, so it needs root, and figures wobble by some per cent. BACKSTOP is the
program, whose `serve` sends from behind a TUN device of its own; the receiver is the kernel's both times.
"""
import argparse
import heapq
import multiprocessing
import os
import random
import select
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tun_path import enter_namespace, open_tun  # noqa: E402

LINE_RATE = 20_000_000
QUEUE = 100
PORT = 19
WARM_UP = 5
SENDER, RECEIVER = f"bs-send-{os.getpid()}", f"bs-recv-{os.getpid()}"
KERNEL_ADDRESS, OUR_ADDRESS, RECEIVER_ADDRESS = "10.81.0.1", "10.82.0.2", "10.81.0.2"


def run(*command):
    subprocess.run(command, check=True)


class Direction:
    """Packets on their way: a line that sends one after the other, a queue before it, a delay behind it."""

    def __init__(self, out, delay, loss):
        self.out, self.delay, self.loss = out, delay, loss
        self.line_free = 0.0
        self.on_the_way = []
        self.count = 0
        self.lots = random.Random(1)

    def restart(self):
        self.lots = random.Random(1)

    def take(self, packet, now):
        lost = len(packet) > 200 and self.lots.random() < self.loss
        waiting = (self.line_free - now) * LINE_RATE / 8 / 1500
        if lost or waiting > QUEUE:
            return
        self.line_free = max(self.line_free, now) + len(packet) * 8 / LINE_RATE
        self.count += 1
        heapq.heappush(self.on_the_way, (self.line_free + self.delay, self.count, packet))

    def deliver(self, now):
        while self.on_the_way and self.on_the_way[0][0] <= now:
            os.write(self.out, heapq.heappop(self.on_the_way)[2])

    def next(self):
        return self.on_the_way[0][0] if self.on_the_way else float("inf")


def relay(loss, delay, ready):
    sender, receiver = open_tun(SENDER, KERNEL_ADDRESS), open_tun(RECEIVER, RECEIVER_ADDRESS)
    ways = {sender: Direction(receiver, delay, loss), receiver: Direction(sender, delay, 0)}
    signal.signal(signal.SIGUSR1, lambda *_: [way.restart() for way in ways.values()])
    ready.set()
    while True:
        wait = min(way.next() for way in ways.values()) - time.monotonic()
        readable, _, _ = select.select(list(ways), [], [], max(0, min(wait, 1)))
        now = time.monotonic()
        for tun in readable:
            try:
                while True:
                    ways[tun].take(os.read(tun, 65536), now)
            except BlockingIOError:
                pass
        for way in ways.values():
            way.deliver(time.monotonic())


def kernel_sender(control, ready):
    enter_namespace(SENDER)
    listener = socket.create_server((KERNEL_ADDRESS, PORT))
    ready.set()
    text = bytes(65536)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
        try:
            while True:
                connection.sendall(text)
        except OSError:
            connection.close()


def goodput(address, seconds, result):
    """Octets a second of text that the user gets, once the beginning is over."""
    enter_namespace(RECEIVER)
    connection = socket.create_connection((address, PORT), timeout=10)
    begin = time.monotonic()
    taken = 0
    while (now := time.monotonic() - begin) < WARM_UP + seconds:
        size = len(connection.recv(65536))
        if size == 0:
            sys.exit("against_kernel.py: the sender has closed")
        taken += size if now >= WARM_UP else 0
    result.put(taken / seconds)


def measure(address, seconds, relay_process):
    os.kill(relay_process.pid, signal.SIGUSR1)
    result = multiprocessing.Queue()
    reader = multiprocessing.Process(target=goodput, args=(address, seconds, result), daemon=True)
    reader.start()
    rate = result.get(timeout=seconds + WARM_UP + 20)
    reader.join()
    return rate * 8 / 1e6


def start(target, *arguments):
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=target, args=(*arguments, ready), daemon=True)
    process.start()
    if not ready.wait(10):
        sys.exit(f"against_kernel.py: {target.__name__} did not start; is this root?")
    return process


def start_ours(backstop):
    command = [backstop, "serve", "--netns", SENDER, "--tun", "bs0", "--host-addr", "10.82.0.1/24", "--offload", "off"]
    command += ["--addr", OUR_ADDRESS, "--listen", f"{PORT}=chargen"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if not process.stdout.readline().startswith("ready"):
        sys.exit("against_kernel.py: backstop serve did not start")
    return process


def compare(arguments):
    path = start(relay, arguments.loss / 100, arguments.delay / 1000)
    run("ip", "netns", "exec", SENDER, "sysctl", "-q", "net.ipv4.ip_forward=1")
    run("ip", "netns", "exec", RECEIVER, "ip", "route", "add", "10.82.0.0/24", "via", KERNEL_ADDRESS)
    start(kernel_sender, arguments.control)
    ours = start_ours(arguments.backstop)
    try:
        ratios = []
        for number in range(1, arguments.rounds + 1):
            kernel = measure(KERNEL_ADDRESS, arguments.seconds, path)
            mine = measure(OUR_ADDRESS, arguments.seconds, path)
            ratios.append(mine / kernel)
            print(f"round {number}: kernel {kernel:.2f} Mbit/s, ours {mine:.2f} Mbit/s, {ratios[-1]:.2f} x", flush=True)
        print(f"median {statistics.median(ratios):.2f} x the kernel's {arguments.control}")
    finally:
        ours.send_signal(signal.SIGTERM)
        ours.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backstop")
    parser.add_argument("--loss", type=float, default=1, help="per cent, of packets with text; 1 unless given")
    parser.add_argument("--delay", type=float, default=10, help="ms in each direction; 10 unless given")
    parser.add_argument("--control", default="cubic", help="the kernel's algorithm; cubic unless given")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for namespace in (SENDER, RECEIVER):
        run("ip", "netns", "add", namespace)
    try:
        compare(arguments)
    finally:
        for namespace in (SENDER, RECEIVER):
            run("ip", "netns", "delete", namespace)


main()
