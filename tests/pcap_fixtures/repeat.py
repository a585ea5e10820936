#!/usr/bin/env python3
"""Makes a large capture of a small one, to measure with: COPIES of it, one after the other, each between other ports.

usage: repeat.py CAPTURE COPIES [--together N] >LARGE.pcap

CAPTURE is one of this folder's. With --together, N copies run at the same time.
"""
import argparse
import struct
import sys

RECORD = struct.Struct("<IIII")
FILE_HEADER_SIZE = 24
TCP_PORTS = struct.Struct(">HH")
PAUSE = 1_000_000_000


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != struct.pack("<I", 0xA1B23C4D):
        sys.exit(f"repeat.py: {path} is no little-endian pcap with nanoseconds, as the captures of this folder are")
    packets = []
    at = FILE_HEADER_SIZE
    while at < len(data):
        seconds, nanoseconds, size, _ = RECORD.unpack_from(data, at)
        at += RECORD.size
        packets.append((seconds * 1_000_000_000 + nanoseconds, data[at : at + size]))
        at += size
    return data[:FILE_HEADER_SIZE], packets


def change_port(packet, shift):
    """Adds `shift` to the higher port, which is the client's, and keeps the checksum right (RFC 1624)."""
    packet = bytearray(packet)
    tcp = (packet[0] & 15) * 4
    ports = list(TCP_PORTS.unpack_from(packet, tcp))
    side = 0 if ports[0] > ports[1] else 1
    before = ports[side]
    ports[side] = 10_000 + (before + shift) % 55_000
    TCP_PORTS.pack_into(packet, tcp, *ports)
    checksum = ~struct.unpack_from(">H", packet, tcp + 16)[0] & 0xFFFF
    checksum += (~before & 0xFFFF) + ports[side]
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    struct.pack_into(">H", packet, tcp + 16, ~checksum & 0xFFFF)
    return bytes(packet)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture")
    parser.add_argument("copies", type=int)
    parser.add_argument("--together", type=int, default=1)
    arguments = parser.parse_args()
    header, packets = read(arguments.capture)
    out = sys.stdout.buffer
    out.write(header)
    start = packets[0][0]
    length = packets[-1][0] - start + PAUSE
    for first in range(0, arguments.copies, arguments.together):
        copies = range(first, min(first + arguments.together, arguments.copies))
        for moment, packet in packets:
            seconds, nanoseconds = divmod(moment + length * (first // arguments.together), 1_000_000_000)
            record = RECORD.pack(seconds, nanoseconds, len(packet), len(packet))
            for copy in copies:
                out.write(record + change_port(packet, copy))


main()
