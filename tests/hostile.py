"""Archives that nobody should believe: damaged, lying, enormous or not archives."""

import io
import struct
import zipfile
import zlib

import numpy as np

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def header(text, version=(1, 0)):
    """The bytes before the values of an `.npy` file with such a header."""
    text = text if isinstance(text, bytes) else text.encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text


def about(descr="<f4", shape="(2, 2)", fortran="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def packed(members, method=zipfile.ZIP_STORED):
    """An archive of `(name, bytes)` pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def whole(arrays, method=zipfile.ZIP_STORED):
    """An honest archive."""
    return packed([(f"{n}.npy", _npy(a)) for n, a in arrays.items()], method)


def patched(archive, offset, value, of=CENTRAL):
    """With other bytes at an offset of the first record of a kind."""
    at = archive.index(of) + offset
    return archive[:at] + value + archive[at + len(value) :]


def bomb(name, size):
    """An array of zeros, a thousandth of its size on disk, declared honestly."""
    start = header(about("|u1", f"({size},)"))
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk, parts, crc = bytes(2**20), [squeeze.compress(start)], zlib.crc32(start)
    for _ in range(size // len(chunk)):
        parts.append(squeeze.compress(chunk))
        crc = zlib.crc32(chunk, crc)
    data = b"".join([*parts, squeeze.flush()])
    return _one_member(f"{name}.npy".encode(), data, crc, len(start) + size)


def _one_member(name, data, crc, size):
    """A deflated member in the form of zip64, which holds any size."""
    most = 0xFFFFFFFF
    common = struct.pack("<HHHHHI", 45, 0, 8, 0, 33, crc)
    sizes = struct.pack("<II", most, most)
    extra = struct.pack("<HHQQ", 1, 16, size, len(data))
    local = LOCAL + common + sizes + struct.pack("<HH", len(name), len(extra))
    local += name + extra + data
    central = CENTRAL + struct.pack("<H", 45) + common + sizes
    central += struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, 0)
    central += name + extra
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + END + end


def _npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def listed(arrays):
    """`{what: bytes}` of archives in which the first array cannot be right."""
    name, array = next(iter(arrays.items()))
    member, good = f"{name}.npy", whole(arrays)
    others = [(f"{n}.npy", _npy(a)) for n, a in arrays.items() if n != name]
    body = _npy(array)
    with_first = lambda content, method=zipfile.ZIP_STORED: packed(
        [(member, content), *others], method
    )
    shaped = lambda shape, descr="<f4", size=16, **kw: with_first(
        header(about(descr, shape, **kw)) + bytes(size)
    )
    central = good.index(CENTRAL)
    cases = {
        "empty": b"",
        "text": b"hello, world\n" * 100,
        "text that starts as an archive": b"PK\x03\x04 but goes on as text" * 20,
        "a pickle": b"\x80\x04\x95.",
        "saved by torch": packed([("archive/data.pkl", b"\x80\x02."), *others]),
        "one array": body,
        "an empty archive": packed([]),
        "end record only": END + bytes(18),
        "encrypted": patched(good, 8, b"\x01\x00"),
        "strongly encrypted": patched(good, 8, b"\x41\x00"),
        "unknown method": patched(good, 10, b"\x63\x00"),
        "bzip2": with_first(body, zipfile.ZIP_BZIP2),
        "lzma": with_first(body, zipfile.ZIP_LZMA),
        "checksum": patched(good, 16, b"\x01\x02\x03\x04"),
        "declares less": patched(good, 24, struct.pack("<I", 100)),
        "declares more": patched(good, 24, struct.pack("<I", 2**31)),
        "stores more than the file": patched(good, 20, struct.pack("<I", 2**31)),
        "local header elsewhere": patched(good, 42, struct.pack("<I", 2**31)),
        "local header in another": patched(good, 42, struct.pack("<I", 7)),
        "zip64 without its field": patched(good, 24, b"\xff\xff\xff\xff"),
        "table of contents outside": patched(good, 16, b"\xff\xff\xff\x7f", END),
        "a long table of contents": patched(good, 12, b"\xff\xff\xff\x7f", END),
        "name in no encoding": good.replace(member.encode(), b"\xff" * len(member)),
        "name not UTF-8, said to be": patched(
            good[:central]
            + good[central:].replace(member.encode(), b"\xff" * len(member)),
            8,
            b"\x00\x08",
        ),
        "other name in front of the values": good.replace(
            member.encode(), b"x" * len(member), 1
        ),
        "a path": packed([(f"../{member}", body), *others]),
        "an absolute path": packed([(f"/{member}", body), *others]),
        "twice": packed([("x" * len(member), body), (member, body), *others]).replace(
            b"x" * len(member), member.encode()
        ),
        "no magic": with_first(b"text" * 30),
        "magic only": with_first(b"\x93NUMPY\x01\x00"),
        "version 9": with_first(header(about(), (9, 9)) + bytes(16)),
        "endless header": with_first(
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 2**20, zipfile.ZIP_DEFLATED
        ),
        "header with code": with_first(header("__import__('os').getcwd()")),
        "header of brackets": with_first(header("(" * 9000)),
        "header of minus signs": with_first(header("-" * 9000 + "1")),
        "header not text": with_first(header(bytes(range(256)))),
        "header without shape": with_first(header("{'descr': '<f4'}")),
        "negative": shaped("(-2, -2)"),
        "one negative": shaped("(-1, 4)"),
        "no numbers": shaped("('2', 2)"),
        "floats": shaped("(2.0, 2)"),
        "overflow": shaped(f"({2**63}, {2**63})"),
        "overflow to the right size": shaped(f"({2**62}, 16, 4)"),
        "100 axes": shaped("(" + "1," * 100 + ")"),
        "40 axes": shaped("(" + "1," * 40 + ")", size=4),
        "many digits": shaped("(" + "9" * 4000 + ",)"),
        "announces more": shaped("(1000, 1000)"),
        "announces less": shaped("(1,)"),
        "terabytes": shaped(f"({2**40},)"),
        "letters of gigabytes": shaped("()", "<U1000000000"),
        "letters of no bytes": shaped(f"({10**12},)", "<U0"),
        "records": shaped("(2,)", "V8"),
        "times": shaped("(2,)", "<M8[s]"),
        "no type": shaped("(2,)", "<q77"),
        "objects": whole(arrays | {name: np.array([{}, 1], object)}),
        "a bomb": bomb(name, 2**27),
        "text beyond Unicode": shaped("()", "<U4", 16).replace(
            bytes(16), b"\xff\xff\xff\xff" * 4, 1
        ),
    }
    return cases


def damaged(content, seed, count):
    """Copies with random damage: flips, cuts, insertions, repeated or blank parts."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        data = bytearray(content)
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
        match i % 6:
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data = data[:at]
            case 2:
                data = data[at:]
            case 3:
                data[at:at] = rng.bytes(length)
            case 4:
                data[at : at + length] = bytes(len(data[at : at + length]))
            case 5:
                for _ in range(20):
                    data[int(rng.integers(len(data)))] = int(rng.integers(256))
        yield bytes(data)
