"""The two sides of the benchmark compute the same, and what times them is right."""

import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import ATTACKS
from dd_jax.distill import METHODS, real_data
from dd_jax.models import build
from dd_jax.train import trainer

FOLDER = Path(__file__).parents[2] / "experiments" / "benchmarks"
sys.path.insert(0, str(FOLDER))
import sides  # noqa: E402
import sizes  # noqa: E402
import versus_torch  # noqa: E402

MEAN, STD = (0.3,), (0.4,)
CLASSES, IMAGE, WIDTH = 3, (12, 10, 1), 4


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def net(torch):
    """The PyTorch network with the weights of `model()`."""
    import torch_steps

    made = torch_steps.convnet(IMAGE, CLASSES, WIDTH)
    with torch.no_grad():
        for weight, value in zip(made.parameters(), as_torch(parameters())):
            weight.copy_(torch.tensor(value))
    return made


def plain_model():
    return build("convnet", CLASSES, IMAGE, mean=MEAN, std=STD, width=WIDTH)


def parameters():
    return plain_model().init(jax.random.key(0))


def model():
    """Starts from the same weights whatever the key."""
    return plain_model()._replace(init=lambda key: parameters())


def as_torch(params):
    """Weights in the order and layout of the PyTorch network."""
    backbone, last = params["params"]["backbone"], params["params"]["Linear_0"]
    found = []
    for block in range(3):
        conv, norm = backbone[f"Conv_{block}"], backbone[f"Norm_{block}"]
        found += [jnp.transpose(conv["kernel"], (3, 2, 0, 1)), conv["bias"]]
        found += [norm["scale"], norm["bias"]]
    area = last["kernel"].shape[0] // WIDTH
    kernel = last["kernel"].reshape(area, WIDTH, CLASSES)
    found += [jnp.transpose(kernel, (2, 1, 0)).reshape(CLASSES, -1), last["bias"]]
    return [np.asarray(value) for value in found]


def planar(images):
    """Images `[... h w c]` as normalised `[... c h w]`."""
    scaled = (np.asarray(images) - np.float32(MEAN)) / np.float32(STD)
    return np.moveaxis(scaled, -1, -3)


def problem(method):
    """Batch, stored images before and after one update on it, and its loss."""
    labels = np.repeat(np.arange(CLASSES), 5)
    pixels = np.random.default_rng(0).integers(0, 256, (15, *IMAGE), np.uint8)
    real = real_data(jnp.asarray(pixels), labels)
    if "experts" in real._fields:
        flat = jax.flatten_util.ravel_pytree(parameters()["params"])[0]
        away = 0.01 * jax.random.normal(jax.random.key(3), (2, len(flat)))
        real = real._replace(experts=(flat + away)[None])
    state = method.init(jax.random.key(1), real)
    batch = method.sample(jax.random.key(2), real)
    after, info = jax.jit(method.update)(jax.random.key(2), state, batch)
    images = lambda state: getattr(state, "learned", state).params["images"]
    return batch, images(state), images(after), float(info["loss"])


def method_of(name, **kw):
    if name not in METHODS:
        pytest.skip(f"no method {name}")
    return METHODS[name](model(), lr=1.0, init="noise", **kw)


def stored(torch, theta):
    """Normalised synthetic images, learnable, `[k ipc c h w]`."""
    return torch.tensor(np.moveaxis(np.asarray(theta), -1, -3)).requires_grad_()


def assert_same(loss, slope, expected_loss, before, after):
    assert math.isclose(loss.item(), expected_loss, rel_tol=1e-4)
    descent = np.moveaxis(np.asarray(before - after), -1, -3)
    scale = np.abs(descent).max()
    assert scale > 1e-6
    np.testing.assert_allclose(slope, descent, rtol=0, atol=2e-3 * scale)


def test_the_networks_are_the_same(torch, net):
    images = np.random.default_rng(0).random((4, *IMAGE), np.float32)
    logits = plain_model().apply(parameters(), images)
    with torch.no_grad():
        np.testing.assert_allclose(
            net(torch.tensor(planar(images))), logits, rtol=1e-4, atol=1e-4
        )


def test_distribution_matching(torch, net):
    import torch_steps

    batch, before, after, loss = problem(method_of("dm", ipc=2, batch_real=5))
    theta = stored(torch, before)
    real = torch.tensor(planar(batch.images))
    found = torch_steps.dm_loss(net, list(real), list(theta))
    (slope,) = torch.autograd.grad(found, theta)
    assert_same(found, slope, loss, before, after)


def test_gradient_matching(torch, net):
    import torch_steps

    batch, before, after, loss = problem(method_of("dsa", ipc=1, batch_real=5))
    theta = stored(torch, before)
    real = torch.tensor(planar(batch.match.images))
    found, slope = torch_steps.dsa_gradient(net, list(real), list(theta), theta)
    assert_same(found, slope, loss, before, after)
    weights = [w.detach() for w in net.parameters()]
    each = [
        torch_steps.dsa_slope(net, weights, x, s.detach(), torch.tensor(label))
        for label, (x, s) in enumerate(zip(real, theta))
    ]
    torch.testing.assert_close(sum(value for value, _ in each), found)
    slopes = torch.stack([slope for _, slope in each])
    torch.testing.assert_close(slopes, slope, rtol=1e-4, atol=1e-6)


def test_trajectory_matching(torch, net):
    import torch_steps

    settings = dict(student_steps=3, max_start=1, expert_epochs=1, train_lr=0.05)
    drawn, before, after, loss = problem(method_of("mtt", ipc=2, **settings))
    unravel = jax.flatten_util.ravel_pytree(parameters()["params"])[1]
    tensors = lambda flat: [
        torch.tensor(value) for value in as_torch({"params": unravel(flat)})
    ]
    theta = stored(torch, before)
    views, lr = [theta.flatten(0, 1)] * 3, torch.tensor(0.05, requires_grad=True)
    path = tensors(drawn.path[0]), tensors(drawn.path[1])
    labels = torch.arange(CLASSES).repeat_interleave(2)
    found = torch_steps.mtt_loss(net, *path, views, labels, lr)
    slope, of_lr = torch.autograd.grad(found, (theta, lr))
    assert_same(found, slope, loss, before, after)
    fixed = tuple(view.detach() for view in views)
    slopes, again = torch_steps.mtt_slopes(net, *path, fixed, labels, lr.detach())
    summed = sum(slopes).reshape(theta.shape)
    torch.testing.assert_close(summed, slope, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(again, of_lr, rtol=1e-4, atol=1e-7)


def test_training(torch, net):
    import torch_steps

    rng = np.random.default_rng(0)
    images, labels = rng.random((6, *IMAGE), np.float32), np.arange(6) % CLASSES
    one = trainer(model(), batch=6)
    state = one.init(jax.random.key(0))
    hot = jax.nn.one_hot(labels, CLASSES)
    rows = jnp.arange(6)
    state, _ = jax.jit(one.advance)(
        jax.random.key(1), state, images, hot, rows, 0.1, 100, 0, 2
    )
    settings = dict(lr=0.1, momentum=0.9, weight_decay=5e-4)
    optimizer = torch.optim.SGD(net.parameters(), **settings)
    before = [weight.detach().clone() for weight in net.parameters()]
    for _ in range(2):
        batch = torch.tensor(planar(images)), torch.tensor(labels)
        torch_steps.train_step(partial(torch_steps.loss, net), optimizer, *batch)
    moved = zip(before, net.parameters(), as_torch(state.params))
    for start, weight, expected in moved:
        change = expected - start.numpy()
        np.testing.assert_allclose(
            weight.detach().numpy() - start.numpy(),
            change,
            rtol=0,
            atol=1e-3 * np.abs(change).max() + 1e-6,
        )


def test_projected_gradient(torch, net, monkeypatch):
    import torch_steps

    rng = np.random.default_rng(0)
    images, labels = rng.random((6, *IMAGE), np.float32), np.arange(6) % CLASSES
    pgd = ATTACKS["pgd_linf"](eps=0.1, steps=3, random_start=False)
    attack = lambda x: pgd(
        jax.random.key(0), lambda x: plain_model().apply(parameters(), x), x, labels
    )
    expected = np.moveaxis(np.asarray(jax.jit(attack)(images)), -1, 1)
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 0.5))
    logits = lambda x: net((x - MEAN[0]) / STD[0])
    start = torch.tensor(np.moveaxis(images, -1, 1))
    found = torch_steps.pgd(logits, start, torch.tensor(labels), 0.1, 3).numpy()
    assert np.abs(found - start.numpy()).max() > 0.09
    same = np.abs(found - expected) < 1e-5
    assert same.mean() > 0.98  # a gradient next to zero may have either sign


@pytest.mark.parametrize("name", sizes.STRATEGY.split("_"))
@pytest.mark.parametrize("siamese", [True, False])
def test_augmentation(torch, name, siamese):
    import torch_augment

    torch.manual_seed(0)
    images = torch.randn(1, 1, 12, 10).expand(8, 1, 12, 10)
    drawn = [torch_augment.augment(name, images, siamese) for _ in range(3)]
    assert all(x.shape == images.shape and x.isfinite().all() for x in drawn)
    assert any(not torch.equal(x, images) for x in drawn)
    alike = all(torch.allclose(x, x[:1].expand_as(x), atol=1e-5) for x in drawn)
    assert alike == siamese


@pytest.mark.parametrize("values", [[2.0], [1.0, 9.0], [3.0, 1.0, 2.0]])
def test_interval_of_few_values_is_their_range(values):
    found = versus_torch.median_interval(values)
    assert (found["low"], found["high"]) == (min(values), max(values))
    assert found["median"] == np.median(values)


@pytest.mark.parametrize("n", [6, 9, 10, 25])
def test_interval_covers_the_median(n):
    rng = np.random.default_rng(n)
    hits = 0
    for _ in range(2000):
        found = versus_torch.median_interval(list(rng.exponential(size=n)))
        hits += found["low"] <= math.log(2) <= found["high"]
    assert hits / 2000 > 0.95 - 0.015  # three standard errors


class Side:
    """Answers with seconds in proportion to the steps."""

    def __init__(self, name, each, log):
        self.name, self.each, self.log = name, each, log

    def seconds(self, case, size, steps):
        self.log.append((self.name, steps))
        return None if self.each is None else self.each * steps


class Broken:
    """Fails at its first step."""

    def seconds(self, case, size, steps):
        raise sides.Failed("torch_worker.py: small dm: no compiler")


def test_all_take_turns_and_the_fastest_pytorch_counts(capsys):
    log = []
    ours = Side("ours", 0.5, log)
    theirs = {
        "eager": Side("eager", 0.25, log),
        "channels_last": Side("channels_last", 0.2, log),
        "compile": Broken(),
    }
    found = versus_torch.compare(ours, theirs, "dm", "small", 4, 1.0)
    assert found["steps"] == 2
    assert found["ours"] == {"median": 0.5, "low": 0.5, "high": 0.5}
    assert found["variant"] == "channels_last"
    assert found["torch"] == found["variants"]["channels_last"]
    assert found["variants"].keys() == {"eager", "channels_last"}
    assert found["ratio"]["median"] == 2.5
    order = [name for name, steps in log if steps == 2]
    rounds = [order[i : i + 3] for i in range(0, 12, 3)]
    assert [names[0] for names in rounds] == ["ours", "eager", "channels_last", "ours"]
    assert all(sorted(names) == sorted(rounds[0]) for names in rounds)
    assert "left out: torch_worker.py: small dm: no compiler" in capsys.readouterr().err


def test_share_of_the_matrix_product_peak():
    found = {"ours": {"median": 0.5}}
    counted = versus_torch.share(found, 10**11, 0.4)
    assert counted["flops"] == 10**11
    assert math.isclose(counted["share_of_matmul"], 0.5)
    assert versus_torch.share(found, None, 0.4) == {}


@pytest.mark.slow
def test_the_operations_of_every_case_are_counted():
    from jax_worker import step_flops

    tiny = sizes.SIZES["small"]._replace(
        image=(12, 12, 1),
        width=4,
        ipc=1,
        batch_real=4,
        stored=5,
        student_steps=2,
        batch=8,
        nets=2,
        attacked=4,
        attack_steps=2,
    )
    found = {case: step_flops(case, tiny) for case in sizes.CASES}
    assert all(count > 0 for count in found.values())
    assert found["nets"] == 2 * found["train"]


@pytest.mark.parametrize("lacking", ["ours", "theirs"])
def test_a_case_that_one_side_lacks(lacking):
    each = {"ours": 0.5, "theirs": 0.25} | {lacking: None}
    ours, theirs = (Side(name, each[name], []) for name in ("ours", "theirs"))
    found = versus_torch.compare(ours, {"eager": theirs}, "dsa", "small", 4, 1.0)
    assert found is None
    assert "not on both sides" in versus_torch.line("small", "dsa", None)


WORKER = """
import sys
sys.path.insert(0, {folder!r})
from protocol import run_cases
def case(size):
    print("noise from a library")
    return lambda steps: None if size.width == 32 else 1 / 0
def counted(case, size):
    return size.image[0] if size.width == 32 else 1 // 0
run_cases({{"threads": 2}}, {{"dm": case}}, counted)
"""


def test_a_worker_answers_over_its_pipes(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(folder=str(FOLDER)))
    worker = sides.Worker(sys.executable, script)
    assert worker.about == {"threads": 2}
    assert worker.seconds("dm", "small", 3) >= 0
    assert worker.seconds("dsa", "small", 1) is None
    assert worker.flops("dm", "small") == 28
    with pytest.raises(sides.Failed, match="w128 dm: ZeroDivisionError"):
        worker.seconds("dm", "w128", 1)
    with pytest.raises(sides.Failed, match="w128 dm: ZeroDivisionError"):
        worker.flops("dm", "w128")
    worker.close()
    assert worker.process.returncode == 0


def test_a_worker_that_is_gone_ends_the_comparison(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text("print('{}', flush=True); input(); raise SystemExit(3)")
    worker = sides.Worker(sys.executable, script)
    theirs = {"eager": sides.Variant(worker, "eager")}
    for _ in range(2):
        with pytest.raises(sides.Ended, match=r"worker\.py ended, status 3"):
            versus_torch.compare(Side("ours", 0.5, []), theirs, "dm", "small", 1, 1.0)
    worker.close()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--cases=dm,foo"], 2, "unknown 'foo'"),
        (["--variants=fast"], 2, "unknown 'fast'"),
        (["--rounds=0"], 2, "must be above 0"),
        (["--jax_python=/no/such/python"], 2, "no program '/no/such/python'"),
        (["--torch_python=/no/such/python"], 2, "no program '/no/such/python'"),
    ],
)
def test_bad_usage(arguments, status, words):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "versus_torch.py"), *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    assert words in done.stderr.splitlines()[-1]


def test_sizes_can_be_recorded():
    assert json.loads(json.dumps(sizes.SIZES["small"]._asdict()))["width"] == 32
