"""Kafka's partitioner `murmur2_random`, written anew from the algorithm's public definition.

Invariant: `tests/test_oracle.py` holds it against the JVM's published vectors (docs: configuration, partitioning).
"""

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """The signed 32 bit hash that the JVM's `Utils.murmur2` gives."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    for at in range(0, length - length % 4, 4):
        k = int.from_bytes(data[at : at + 4], "little")
        k = k * _MULTIPLIER & _MASK
        k ^= k >> 24
        k = k * _MULTIPLIER & _MASK
        h = h * _MULTIPLIER & _MASK
        h ^= k
    rest = data[length - length % 4 :]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = h * _MULTIPLIER & _MASK
    h ^= h >> 13
    h = h * _MULTIPLIER & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h


def partition(key: bytes, count: int) -> int:
    """The partition of a key among `count`."""
    return (murmur2(key) & 0x7FFFFFFF) % count
