"""Event files of TensorBoard, read record by record as its readers do."""

import struct


def events(folder):
    """All events of the only event file of a folder."""
    from tensorboardX.proto.event_pb2 import Event

    (path,) = folder.glob("*.tfevents.*")
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


def scalars(folder):
    """`tag -> [(step, value)]` of the scalars of a folder."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                row = event.step, value.simple_value
                found.setdefault(value.tag, []).append(row)
    return found
