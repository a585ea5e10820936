"""A TUN device in a network namespace, for scripts that carry packets between two of them. Both need root."""
import ctypes
import fcntl
import os
import struct
import subprocess

DEVICE = "tun0"
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000


def enter_namespace(name):
    """Takes the calling thread into the namespace that `ip netns` knows as `name`."""
    with open(f"/run/netns/{name}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")


def open_tun(namespace, address):
    """Makes the device there, with `address`/24 as the host's. Returns a descriptor that never waits."""
    enter_namespace(namespace)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for command in (f"addr add {address}/24 dev {DEVICE}", f"link set {DEVICE} up"):
        subprocess.run(["ip", "-n", namespace, *command.split()], check=True)
    return tun
