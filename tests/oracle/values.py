"""Random `_id`s and documents of every BSON type, from a seeded generator.

Invariants: the same seed gives the same documents; a named field keeps its types over all documents, so that a
contract inferred from some fits the rest, but for `mixed`, which holds anything; ids come from a bounded pool, so
that keys are hot, deleted and inserted again.
"""

from __future__ import annotations

import random
import uuid
from typing import Callable

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

_LETTERS = "abcdefghijklmnopqrstuvwxyz äöü €\U0001f40c\"\\\n\t"


def text(rng: random.Random, most: int = 24) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randrange(most)))


def integer(rng: random.Random):
    """An int32 or an int64; the latter also where the value is small."""
    return rng.choice([rng.randrange(-(2**31), 2**31), Int64(rng.randrange(-(2**63), 2**63)), Int64(rng.randrange(100))])


def double(rng: random.Random) -> float:
    return rng.choice([rng.uniform(-1e6, 1e6), float(rng.randrange(1000)), 0.1, -0.0, 1e300, 5e-324])


def decimal(rng: random.Random) -> Decimal128:
    return Decimal128(rng.choice(["1.50", "0", "-0.001", "1E+3", "12345678901234567890.123", f"{rng.randrange(10**9)}.{rng.randrange(100):02d}"]))


def date(rng: random.Random) -> DatetimeMS:
    return DatetimeMS(rng.randrange(-62135596800000, 253402300799999))


def object_id(rng: random.Random) -> ObjectId:
    return ObjectId(rng.randbytes(12))


def binary(rng: random.Random) -> Binary:
    return Binary(rng.randbytes(rng.randrange(12)), rng.choice([0, 5, 8, 128]))


def uuid4(rng: random.Random) -> Binary:
    return Binary(uuid.UUID(bytes=rng.randbytes(16), version=4).bytes, 4)


def anything(rng: random.Random, depth: int = 0):
    """A value of any type that is not deprecated; documents and arrays up to three levels."""
    scalars: list[Callable] = [
        integer, double, decimal, date, object_id, binary, uuid4, text,
        lambda r: r.random() < 0.5, lambda r: None, lambda r: Timestamp(r.randrange(2**31), r.randrange(9)),
        lambda r: Regex("^a.*/b", r.choice(["", "i", "im"])), lambda r: Code("f()"), lambda r: Code("f(x)", {"x": 1}),
        lambda r: MinKey(), lambda r: MaxKey(), lambda r: r.choice([float("nan"), float("inf"), float("-inf")]),
        lambda r: Decimal128(r.choice(["NaN", "Infinity", "-0"])),
    ]
    if depth < 3 and rng.random() < 0.25:
        if rng.random() < 0.5:
            return [anything(rng, depth + 1) for _ in range(rng.randrange(4))]
        return {f"k{at}": anything(rng, depth + 1) for at in range(rng.randrange(4))}
    return rng.choice(scalars)(rng)


def document(rng: random.Random) -> dict:
    """A document without its `_id`; any field may be missing or null."""
    fields: dict[str, Callable] = {
        "n": integer,
        "x": lambda r: double(r) if r.random() < 0.8 else r.randrange(100),
        "s": text,
        "t": text,
        "b": lambda r: r.random() < 0.5,
        "d": date,
        "dec": decimal,
        "oid": object_id,
        "u": uuid4,
        "bin": binary,
        "ts": lambda r: Timestamp(r.randrange(2**31), r.randrange(9)),
        "js": lambda r: Code("g()"),
        "re": lambda r: Regex("x+", "i"),
        "sub": lambda r: {"a": r.randrange(99), "s": text(r), "deep": {"f": double(r), "l": [r.randrange(9)]}},
        "list": lambda r: [r.randrange(1000) for _ in range(r.randrange(5))],
        "items": lambda r: [{"k": text(r, 6), "q": r.randrange(9)} for _ in range(r.randrange(3))],
        "mixed": anything,
        "first-name": text,
        "2nd": integer,
    }
    result = {}
    for name, make in fields.items():
        chance = rng.random()
        if chance < 0.85:
            result[name] = make(rng)
        elif chance < 0.9:
            result[name] = None
    return result


def _number_id(rng: random.Random):
    value = rng.randrange(300)
    return rng.choice([value, Int64(value), float(value), Int64(2**40 + value)])


def _mixed_id(rng: random.Random):
    which = rng.randrange(14)
    small = rng.randrange(20)
    hexadecimal = f"{small:024x}"
    return [
        small, Int64(small), float(small), small + 0.5, Decimal128(str(small)), Decimal128(f"{small}.10"),
        hexadecimal, ObjectId(hexadecimal), uuid.UUID(int=small), DatetimeMS(small), f"{small}",
        {"a": small, "b": "x"}, {"b": "x", "a": small}, rng.choice([True, False, None, MinKey(), MaxKey()]),
    ][which]


ID_KINDS: dict[str, Callable] = {
    "objectid": lambda r: ObjectId(r.randrange(2**60).to_bytes(12, "big")),
    "string": lambda r: f"id {r.randrange(10**6)} ä/\"",
    "number": _number_id,
    "mixed": _mixed_id,
    "uuid": lambda r: Binary(uuid.UUID(int=r.getrandbits(128)).bytes, 4),
    "date": lambda r: DatetimeMS(r.randrange(10**12)),
    "document": lambda r: {"a": r.randrange(1000), "b": text(r, 4)},
}


def pool(rng: random.Random, kind: str, size: int) -> list:
    """Ids that histories of one collection use."""
    made = [ID_KINDS[kind](rng) for _ in range(size)]
    return [Binary(i.bytes, 4) if isinstance(i, uuid.UUID) else i for i in made]
