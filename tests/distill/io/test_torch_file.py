"""Files of PyTorch are read as data; what names anything else is refused."""

import io
import os
import pickle
import tracemalloc
import zipfile

import hostile
import numpy as np
import pytest
import torch_files
from torch_files import Tensor, archive, saved

from dd_jax.distill.io.inert_pickle import Refused
from dd_jax.distill.io.torch_file import _tensor, read_pt
from dd_jax.types import InputError


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "set.pt"
        path.write_bytes(content)
        return path

    return write


def refused(path):
    with pytest.raises(InputError) as error:
        read_pt(path)
    assert str(error.value).isprintable() and len(str(error.value)) < 400
    return str(error.value)


# {"data": [[arange(12.).reshape(2, 1, 2, 3), tensor([0, 1])]], "accs_all_exps":
# {"ConvNet": [numpy.float64(0.5)]}} by PyTorch 2.14
WRITTEN = (
    b"\x80\x02}q\x00(X\x04\x00\x00\x00dataq\x01]q\x02]q\x03(ctorch._utils\n"
    b"_rebuild_tensor_v2\nq\x04((X\x07\x00\x00\x00storageq\x05ctorch\n"
    b"FloatStorage\nq\x06X\x01\x00\x00\x000q\x07X\x03\x00\x00\x00cpuq\x08K\x0ctq\t"
    b"QK\x00(K\x02K\x01K\x02K\x03tq\n(K\x06K\x06K\x03K\x01tq\x0b\x89ccollections\n"
    b"OrderedDict\nq\x0c)Rq\rtq\x0eRq\x0fh\x04((h\x05ctorch\nLongStorage\nq\x10X\x01"
    b"\x00\x00\x001q\x11h\x08K\x02tq\x12QK\x00K\x02\x85q\x13K\x01\x85q\x14\x89h\x0c)"
    b"Rq\x15tq\x16Rq\x17eaX\r\x00\x00\x00accs_all_expsq\x18}q\x19X\x07\x00\x00\x00"
    b"ConvNetq\x1a]q\x1bcnumpy._core.multiarray\nscalar\nq\x1ccnumpy\ndtype\nq\x1d"
    b"X\x02\x00\x00\x00f8q\x1e\x89\x88\x87q\x1fRq (K\x03X\x01\x00\x00\x00<q!NNNJ"
    b'\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq"bc_codecs\nencode\nq#X\t\x00\x00\x00\x00\x00\x00'
    b"\x00\x00\x00\xc3\xa0?q$X\x06\x00\x00\x00latin1q%\x86q&Rq'\x86q(Rq)asu."
)


def test_a_file_of_pytorch(put):
    parts = {"data.pkl": WRITTEN, "byteorder": b"little", "version": b"3\n"}
    parts["data/0"] = np.arange(12, dtype="f4").tobytes()
    parts["data/1"] = np.arange(2).tobytes()
    found = read_pt(put(archive(parts)))
    ((images, labels),) = found["data"]
    np.testing.assert_array_equal(images, np.arange(12.0).reshape(2, 1, 2, 3))
    np.testing.assert_array_equal(labels, [0, 1])
    assert found["accs_all_exps"] == {"ConvNet": [None]}


@pytest.mark.parametrize("dtype", torch_files.TYPES)
def test_tensors_come_back(put, monkeypatch, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    found = read_pt(put(saved([Tensor(array), (Tensor(array[0]), 5)], monkeypatch)))
    np.testing.assert_array_equal(found[0], array)
    np.testing.assert_array_equal(found[1][0], array[0])
    assert found[0].dtype == dtype and found[1][1] == 5


def test_permuted_and_empty_tensors(put, monkeypatch):
    array = np.arange(24.0, dtype="f4").reshape(2, 3, 4)
    given = [Tensor(array.transpose(2, 0, 1)), Tensor(array[:0]), Tensor(array.sum())]
    found = read_pt(put(saved(given, monkeypatch)))
    for each, tensor in zip(found, given, strict=True):
        np.testing.assert_array_equal(each, tensor.array)


def test_tensors_of_tensors_do_not_reach_beyond_their_values():
    """With a stride of 0 a tensor has more elements than values lie behind it."""
    values = np.arange(4, dtype="f4")
    repeated = _tensor(values, 3, (4,), (0,))
    np.testing.assert_array_equal(repeated, [3, 3, 3, 3])
    with pytest.raises(Refused, match="of another form"):
        _tensor(repeated, 0, (4,), (1,))
    with pytest.raises(Refused, match="of another form"):
        _tensor(values.reshape(2, 2), 0, (4,), (1,))


@pytest.mark.parametrize("order", [b"little", b"big"])
def test_many_tensors_of_the_same_values_take_no_more_memory(put, monkeypatch, order):
    """A small pickle may ask for a large storage again and again."""
    values = np.arange(2**20, dtype="f4")
    tensors = [Tensor(values) for _ in range(200)]
    content = saved(tensors, monkeypatch, byteorder=order)
    tracemalloc.start()
    found = read_pt(put(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 200 and peak < 10 * found[0].nbytes


def test_big_endian_values(put, monkeypatch):
    array = np.arange(5.0, dtype="f4")
    parts = {"byteorder": b"big", "data__0": array.astype(">f4").tobytes()}
    found = read_pt(put(saved(Tensor(array), monkeypatch, **parts)))
    np.testing.assert_array_equal(found, array)


def test_accuracies_of_numpy_are_read_as_none(put, monkeypatch):
    value = {"accs_all_exps": {"ConvNet": [np.float64(0.5), np.int64(3)]}, "n": 0.25}
    found = read_pt(put(saved(value, monkeypatch)))
    assert found == {"accs_all_exps": {"ConvNet": [None, None]}, "n": 0.25}


class Evil:
    def __init__(self, function, *given):
        self.made = function, given

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "function, given",
    [
        (os.system, ("touch OWNED",)),
        (eval, ("__import__('os').mkdir('OWNED')",)),
        (exec, ("open('OWNED', 'w')",)),
        (getattr, ("", "join")),
        (open, ("OWNED", "w")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_pickle_runs_anything(put, tmp_path, monkeypatch, protocol, function, given):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": [Evil(function, *given)]}, protocol)
    path = put(archive({"data.pkl": content}))
    assert "is no file of tensors of torch.save" in refused(path)
    assert [p.name for p in tmp_path.iterdir()] == ["set.pt"]


def test_a_refused_pickle_says_what_it_names(put):
    content = pickle.dumps(Evil(os.system, "true"), 2)
    assert "posix.system" in refused(put(archive({"data.pkl": content})))


HEAD = b"\x80\x02"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORED = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
STORED += b"X\x03\x00\x00\x00cpuK\x04tQ"


def tensor(offset=b"K\x00", size=b"K\x04\x85", stride=b"K\x01\x85"):
    """A pickle of one tensor of four values, by its opcodes."""
    return HEAD + TENSOR + b"(" + STORED + offset + size + stride + b"\x89NtR."


def test_the_tensor_by_opcodes_is_one(put):
    values = np.arange(4.0, dtype="f4")
    path = put(archive({"data.pkl": tensor(), "data/0": values.tobytes()}))
    np.testing.assert_array_equal(read_pt(path), values)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tensor(size=b"K\x05\x85"), id="larger than its values"),
        pytest.param(tensor(offset=b"K\x01"), id="ends outside"),
        pytest.param(tensor(offset=b"J\xff\xff\xff\xff"), id="before its values"),
        pytest.param(tensor(stride=b"J\xfe\xff\xff\xff\x85"), id="backwards"),
        pytest.param(tensor(stride=b"K\x00\x85", size=b"M\xff\xff\x85"), id="repeated"),
        pytest.param(tensor(size=b"G" + b"A" * 8 + b"\x85"), id="a real size"),
        pytest.param(tensor(size=b"K\x02K\x02\x86"), id="axes without strides"),
        pytest.param(HEAD + TENSOR + b")R.", id="no arguments"),
        pytest.param(HEAD + TENSOR + b"NR.", id="arguments None"),
        pytest.param(HEAD + b"NQ.", id="a storage of None"),
        pytest.param(HEAD + b"K\x01)R.", id="calls a number"),
        pytest.param(HEAD + TENSOR + b"}b.", id="sets a state"),
        pytest.param(HEAD + b"\x87.", id="an empty stack"),
        pytest.param(HEAD + b"t.", id="no mark"),
        pytest.param(HEAD + b"h\x07.", id="an empty memo"),
        pytest.param(HEAD + b"}(K\x01u.", id="a key without a value"),
        pytest.param(HEAD + b"})K\x01s.", id="a tuple as a key"),
        pytest.param(HEAD + b"}K\x01a.", id="appends to a dict"),
        pytest.param(HEAD + b"NN.", id="two values"),
        pytest.param(HEAD + b"N", id="no end"),
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD + b"\x8e" + b"\xff" * 8, id="bytes without end"),
        pytest.param(HEAD + b"X\xff\xff\xff\xff.", id="text without end"),
        pytest.param(bytes(2**20 + 1), id="too long"),
    ],
)
def test_pickles_of_no_tensors_are_refused(put, content):
    values = np.arange(4.0, dtype="f4").tobytes()
    refused(put(archive({"data.pkl": content, "data/0": values})))


def test_parts_that_do_not_fit(put, monkeypatch):
    make = lambda **parts: saved(Tensor(np.zeros(4, "f4")), monkeypatch, **parts)
    assert "lacks data/0" in refused(put(make(data__0=None)))
    assert "announces 4 values" in refused(put(make(data__0=bytes(12))))
    assert "0 parts data.pkl" in refused(put(archive({"version": b"3"})))
    assert "before PyTorch 1.6" in refused(put(pickle.dumps(1, 2)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(2**20))
    assert "packed" in refused(put(packed.getvalue()))


def test_no_file_is_named(tmp_path):
    assert "no such file" in refused(tmp_path / "none.pt")
    assert "is a folder" in refused(tmp_path)
    assert "archive" in refused(__file__)


def test_archives_that_lie_are_refused(put):
    for content in hostile.listed({"images": np.zeros((2, 2), "f4")}).values():
        refused(put(content))


def test_damage_is_found_or_harmless(put, monkeypatch):
    array = np.arange(6.0, dtype="f4").reshape(2, 3)
    content = saved([Tensor(array), Tensor(np.arange(2))], monkeypatch)
    for broken in hostile.damaged(content, 0, 300):
        try:
            found = read_pt(put(broken))
        except InputError as error:
            assert str(error).isprintable()
        else:
            assert not isinstance(found, list) or len(found) <= 2
