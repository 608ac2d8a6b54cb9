import logging
from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from dd_jax.attacks import ATTACKS
from dd_jax.audits.robustness import (
    Behaviour,
    Curve,
    check_logits,
    epsilon_curve,
    masking_checks,
    minimal_distances,
    record,
    reruns,
    robust_accuracy,
)
from dd_jax.audits.robustness.reruns_of_attacks import telling_radius
from dd_jax.types import InputError

N, SHAPE, S = 10, (3, 2, 1), 2
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0.3, 0.7, (N, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(1)
    return {"w": jnp.asarray(rng.normal(size=(S, 6)), jnp.float32)}


def apply(params, images):
    """Two classes, `logits = (0, w (x - 0.5))`: robust accuracy has a closed form."""
    score = (images.reshape(len(images), -1) - 0.5) @ params["w"]
    return jnp.stack([jnp.zeros_like(score), score], -1)


def closed_form(params, images, labels, eps, order):
    """Correct iff the signed score exceeds `eps * ||w||` of the dual norm."""
    w = np.asarray(params["w"], np.float64)
    score = (images.reshape(N, -1).astype(np.float64) - 0.5) @ w.T
    signed = np.where(labels[:, None] == 1, score, -score).T
    dual = np.linalg.norm(w, order, axis=1)
    return signed[:, None] > eps[None, :, None] * dual[:, None, None]


@pytest.mark.parametrize(
    ("name", "dual"), [("fgsm", 1), ("pgd_linf", 1), ("mim", 1), ("pgd_l2", 2)]
)
def test_curve_of_linear_nets_has_its_closed_form(name, dual, images, params):
    labels = np.arange(N) % 2
    eps = np.array([0.0, 0.02, 0.05, 0.1, 0.2])
    settings = {"random_start": False} if name == "pgd_l2" else {}
    curve = epsilon_curve(
        KEY, name, apply, params, images, labels, eps, chunk=4, **settings
    )
    expected = closed_form(params, images, labels, eps, dual)
    assert curve.robust.shape == (S, 5, N) and curve.clean.shape == (S, N)
    np.testing.assert_array_equal(curve.robust, expected)
    np.testing.assert_array_equal(curve.clean, expected[:, 0])
    assert expected.any() and not expected.all()
    assert [row["eps"] for row in curve.settings] == eps.tolist()
    assert curve.excess.shape == (S, 5) and curve.excess.max() <= 1e-6


def test_whole_curve_costs_one_compile(images, params):
    traces = []

    def counted(net, batch):
        traces.append(1)
        return apply(net, batch)

    labels = np.arange(N) % 2

    def run(key, eps):
        return epsilon_curve(
            key, "pgd_linf", counted, params, images, labels, eps, chunk=4, steps=3
        )

    run(KEY, np.linspace(0, 0.1, 8))
    once = len(traces)
    run(jax.random.key(1), np.linspace(0, 0.3, 8))
    assert len(traces) == once, "other radii and keys must reuse the program"
    run(KEY, np.array([0.1]))
    assert len(traces) == 2 * once, "a grid of 8 must be traced as often as one of 1"


@pytest.mark.parametrize("name", ["fgsm", "pgd_linf"])
def test_dropping_changes_no_closed_form_and_costs_one_compile(name, images, params):
    labels = np.arange(N) % 2
    eps = np.array([0.1, 0.0, 0.02, 0.2])
    traces = []

    def counted(net, batch):
        traces.append(len(batch))
        return apply(net, batch)

    settings = {} if name == "fgsm" else {"steps": 9}

    def run(key, eps):
        return epsilon_curve(
            key, name, counted, params, images, labels, eps,
            chunk=4, drop=True, **settings,
        )  # fmt: skip

    curve = run(KEY, eps)
    expected = closed_form(params, images, labels, eps, 1)
    np.testing.assert_array_equal(curve.robust, expected)
    np.testing.assert_array_equal(curve.robust[:, 1], curve.clean)
    assert curve.excess.max() <= 1e-6
    assert all(row["dropped"] for row in curve.settings)
    once = len(traces)
    assert set(traces) == {4}, "attacked and judged in chunks"
    run(jax.random.key(1), np.array([0.03, 0.3]))
    assert len(traces) == once
    assert masking_checks({name: curve})["monotone_in_eps"] is None


@pytest.mark.parametrize("chunk", [3, 64])
def test_chunks_only_split_the_work(chunk, images, params):
    labels = np.arange(N) % 2
    eps = np.array([0.0, 0.05])
    curve = epsilon_curve(KEY, "fgsm", apply, params, images, labels, eps, chunk=chunk)

    @jax.jit
    def right(net, radius):
        logits_fn = partial(apply, net)
        attacked = ATTACKS["fgsm"](radius)(KEY, logits_fn, jnp.asarray(images), labels)
        return logits_fn(attacked).argmax(-1) == labels

    for i in range(S):
        net = {"w": params["w"][i]}
        for j in range(2):
            np.testing.assert_array_equal(curve.robust[i, j], right(net, eps[j]))


def test_an_attack_that_leaves_its_ball_is_measured(images, params, monkeypatch):
    fgsm = ATTACKS["fgsm"]
    further = lambda eps: fgsm(eps + 0.01)._replace(ball=fgsm(eps).ball)
    monkeypatch.setitem(ATTACKS, "fgsm", further)
    other = lambda net, batch: apply(net, batch)  # not the compiled one
    eps = np.array([0.0, 0.1])
    labels = np.zeros(N, int)
    curve = epsilon_curve(KEY, "fgsm", other, params, images, labels, eps, chunk=N)
    np.testing.assert_allclose(curve.excess, 0.01, atol=1e-6)
    assert masking_checks({"fgsm": curve})["in_ball_and_box"] is False


def fake(accuracies, eps, *, steps, clean=0.9, norm="linf", n=100):
    """A curve of one net with given accuracies."""
    first = lambda share: np.arange(n) < round(share * n)
    return Curve(
        [{"eps": e, "norm": norm, "steps": steps} for e in eps],
        first(clean)[None],
        np.stack([first(a) for a in accuracies])[None],
        np.zeros((1, len(eps))),
    )


def of_what_is_left(given, left):
    """The curve of an attack at Linf 0.1 on a share of the images."""
    return fake([left], [0.1], steps=100, clean=given)


def known(checks):
    return {name: passed for name, passed in checks.items() if passed is not None}


def test_masking_checks_pass_on_a_sound_pair_of_attacks():
    curves = {
        "fgsm": fake([0.9, 0.5, 0.6], [0, 0.1, 0.2], steps=1),
        "pgd_linf": fake([0.9, 0.4, 0.1], [0, 0.1, 0.2], steps=20),
    }
    assert known(masking_checks(curves)) == {
        "eps_zero_equals_clean": True,
        "monotone_in_eps": True,
        "iterative_beats_single_step": True,
        "in_ball_and_box": True,
    }


@pytest.mark.parametrize(
    ("check", "iterative"),
    [
        ("eps_zero_equals_clean", fake([0.8, 0.4], [0, 0.1], steps=20)),
        ("monotone_in_eps", fake([0.9, 0.3, 0.32], [0, 0.1, 0.2], steps=20)),
        ("iterative_beats_single_step", fake([0.9, 0.6], [0, 0.1], steps=20)),
    ],
)
def test_each_masking_check_can_fail(check, iterative):
    curves = {"fgsm": fake([0.9, 0.5], [0, 0.1], steps=1), "pgd_linf": iterative}
    checks = masking_checks(curves)
    assert [name for name, passed in checks.items() if passed is False] == [check]


def test_masking_checks_are_none_where_nothing_was_measured():
    checks = masking_checks({"fgsm": fake([0.5, 0.3], [0.1, 0.2], steps=1)})
    assert known(checks) == {"in_ball_and_box": True}
    assert len(checks) == 16
    # another norm is no comparison
    curves = {
        "fgsm": fake([0.5], [0.1], steps=1),
        "pgd_l2": fake([0.8], [0.1], steps=20, norm="l2"),
    }
    assert masking_checks(curves)["iterative_beats_single_step"] is None


def test_nothing_can_be_told_of_attacks_on_a_net_that_is_always_wrong():
    nothing = {"eps": [0, 0.1, 1.0], "clean": 0.0}
    curves = {
        "fgsm": fake([0.0] * 3, steps=1, **nothing),
        "pgd_linf": fake([0.0] * 3, steps=20, **nothing)._replace(num_classes=10),
    }
    more = {"doubled": curves, "distances": {"deepfool": np.zeros((1, 10))}}
    assert known(masking_checks(curves, **more)) == {"in_ball_and_box": True}


@pytest.mark.parametrize("good", [True, False])
def test_further_checks_tell_good_from_bad(good):
    eps = [0.1, 0.5]
    white = fake([0.4, 0.1 if good else 0.2], eps, steps=20)._replace(num_classes=10)
    curves = {
        "pgd_linf": white,
        "square": fake([0.6 if good else 0.3, 0.5], eps, steps=50),
    }
    checks = masking_checks(
        curves,
        doubled={"pgd_linf": fake([0.39 if good else 0.3], [0.1], steps=40)},
        restarted={"pgd_linf": fake([0.39 if good else 0.3], [0.1], steps=20)},
        noise={"pgd_linf": of_what_is_left(0.4, 0.4 if good else 0.3)},
        gradient_free={"pgd_linf": of_what_is_left(0.4, 0.4 if good else 0.3)},
        targeted={"pgd_linf": of_what_is_left(0.4, 0.36 if good else 0.3)},
        wide={"pgd_linf": fake([0.0 if good else 0.05], [1.0], steps=20)},
        undefended={"pgd_linf": fake([0.1 if good else 0.2], [0.3], steps=20)},
        behaviour=Behaviour(
            np.array([[False] * 99 + [not good] * 2]), np.array([0.0 if good else 1e-3])
        ),
        transferred={"pgd_linf": fake([0.7 if good else 0.2], [0.1], steps=20)},
        distances={"cw_l2": np.array([[0.3, 1.0 if good else np.inf]])},
    )
    for name in (
        "outputs_repeat",
        "gradients_present",
        "large_eps_reaches_chance",
        "success_reaches_all",
        "targeted_not_stronger",
        "undefended_net_falls",
        "gradient_free_not_stronger",
        "random_noise_not_stronger",
        "steps_converged",
        "restarts_converged",
        "transfer_not_stronger",
        "unbounded_always_succeeds",
    ):
        assert checks[name] is good, name


def test_weak_square_and_deepfool_are_no_sign_of_masking():
    curves = {
        "fgsm": fake([0.3], [0.1], steps=1),
        "square": fake([0.6], [0.1], steps=50),
        "deepfool": fake([0.6], [0.1], steps=50),
    }
    assert masking_checks(curves)["iterative_beats_single_step"] is None


def test_minimal_attack_gives_whole_curve_and_distances(images, params):
    labels = np.arange(N) % 2
    distances = minimal_distances(
        KEY, "deepfool", apply, params, images, labels, chunk=4, steps=3
    )
    w = np.asarray(params["w"], np.float64)
    score = (images.reshape(N, -1).astype(np.float64) - 0.5) @ w.T
    signed = np.where(labels[:, None] == 1, score, -score).T
    exact = np.maximum(signed, 0) / np.linalg.norm(w, axis=1)[:, None]
    np.testing.assert_allclose(distances, exact, rtol=0.03, atol=1e-4)
    eps = np.array([0.0, 0.05, 0.1, 0.2])
    curve = epsilon_curve(
        KEY, "deepfool", apply, params, images, labels, eps, chunk=4, steps=3
    )
    expected = distances[:, None] > eps[:, None]
    np.testing.assert_array_equal(curve.robust, expected)
    np.testing.assert_array_equal(curve.distances, distances)
    assert curve.num_classes == 2 and curve.excess.max() <= 1e-6
    with pytest.raises(InputError, match="'fgsm' minimises no distance"):
        minimal_distances(KEY, "fgsm", apply, params, images, labels, chunk=4)


def test_autoattack_curve_of_linear_nets_drops_the_fallen(images, params):
    labels = np.arange(N) % 2
    eps = np.array([0.1, 0.0, 0.03])
    traces = []

    def counted(net, batch):
        traces.append(len(batch))
        return apply(net, batch)

    def run(key, eps):
        return epsilon_curve(
            key, "autoattack", counted, params, images, labels, eps,
            chunk=4, steps=4, queries=4,
        )  # fmt: skip

    curve = run(KEY, eps)
    np.testing.assert_array_equal(
        curve.robust, closed_form(params, images, labels, eps, 1)
    )
    assert curve.excess.max() <= 1e-6
    assert list(curve.components) == ["apgd_ce", "apgd_t", "fab_t", "square"]
    after = np.stack([*curve.components.values()])
    assert (after[1:] <= after[:-1]).all(), "what fell does not stand again"
    np.testing.assert_array_equal(after[-1], curve.robust)
    np.testing.assert_array_equal(after[:, :, 1], [curve.clean] * 4)
    assert (after[0] <= curve.clean[:, None]).all()
    summarise = lambda values: {"mean": values.mean()}
    part = record({"autoattack": curve}, summarise, labels, 2)["attacks"]["autoattack"]
    found = [value["mean"] for value in part[2]["components"].values()]
    assert found == pytest.approx(after[:, :, 2].mean((1, 2)))
    once = len(traces)
    run(jax.random.key(1), np.array([0.02]))
    assert len(traces) == once, "other radii, nets and keys must reuse the programs"


def test_record_holds_an_estimate_a_radius():
    curve = fake([0.9, 0.25], [0.0, 0.1], steps=20)
    summarise = lambda values: {"mean": float(values.mean()), "n": len(values)}
    labels = np.arange(100) // 50
    part = record({"pgd_linf": curve}, summarise, labels, 3)
    assert part["images"] == 100
    assert part["clean"] == attacked(0.9)
    assert part["attacks"]["pgd_linf"] == [
        {"eps": 0.0, "norm": "linf", "steps": 20, "accuracy": attacked(0.9)},
        {"eps": 0.1, "norm": "linf", "steps": 20, "accuracy": attacked(0.25)},
    ]
    assert part["worst_case"][1]["accuracy"]["mean"] == 0.25
    per_class = part["worst_case"][1]["per_class"]
    np.testing.assert_array_equal(per_class, [0.5, 0.0, np.nan])
    assert part["ratios"] == [], "one attack makes no ratio"
    assert part["area"]["linf"]["mean"] == pytest.approx((0.9 + 0.25) / 2)
    assert part["checks"]["eps_zero_equals_clean"] is True
    assert part["median_fall"]["linf"]["mean"] == 0.1
    assert "median_perturbation" not in part


def test_the_median_fall_is_unknown_where_most_images_stand():
    curve = fake([0.9, 0.75], [0.0, 0.1], steps=20)
    labels = np.zeros(100, int)
    part = record({"pgd_linf": curve}, lambda v: {"mean": v.mean()}, labels, 1)
    assert part["median_fall"] == {"linf": None}


def test_a_setting_that_an_attack_does_not_have_is_refused(images, params):
    labels = np.zeros(N, int)
    with pytest.raises(InputError, match="'fgsm' has no setting speed, steps"):
        epsilon_curve(
            KEY, "fgsm", apply, params, images, labels, np.zeros(1),
            chunk=4, steps=3, speed=2,
        )  # fmt: skip


def attacked(accuracy):
    """One net on 100 images, with scipy's binomial interval."""
    exact = stats.binomtest(round(100 * accuracy), 100).proportion_ci(0.95, "exact")
    interval = pytest.approx([exact.low, exact.high])
    return {"mean": accuracy, "n": 1, "image_ci": interval}


def test_record_holds_the_median_of_distances_and_all_evidence():
    curve = fake([0.5], [0.1], steps=20)
    summarise = lambda values: float(values.mean())
    part = record(
        {"pgd_linf": curve, "mim": curve}, lambda values: {"mean": summarise(values)},
        np.zeros(100, int), 1,
        distances={
            "deepfool": np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.5]]),
            "fab_t": np.array([[0.1, np.inf, np.inf]]),
        },
        doubled={"pgd_linf": fake([0.3], [0.1], steps=40)},
    )  # fmt: skip
    medians = part["median_perturbation"]
    assert medians["deepfool"]["mean"] == pytest.approx(0.3)
    assert medians["fab_t"] is None
    # 0.9 -> 0.5 under both attacks
    rome, beard = {"mean": pytest.approx(1 - 0.16 / 0.81)}, {"mean": pytest.approx(0)}
    row = {"eps": 0.1, "norm": "linf", "rome": rome, "beard": beard}
    assert part["ratios"] == [row]
    assert part["checks"]["unbounded_always_succeeds"] is False
    assert part["checks"]["steps_converged"] is False


def test_reruns_take_the_telling_radius_of_each_pgd():
    curve = fake([0.9, 0.8, 0.5, 0.1], [0, 0.1, 0.2, 0.3], steps=7)
    far = fake([0.9, 0.9], [0, 2.0], steps=5, norm="l2")
    assert telling_radius(curve) == 0.2 and telling_radius(far) == 2.0
    with pytest.raises(InputError, match="hold none above 0"):
        telling_radius(fake([0.9], [0.0], steps=2))
    asked = []

    def attack(purpose, name, eps, **settings):
        among = settings.pop("among", None)
        asked.append((purpose, name, eps.tolist(), settings))
        if among is None:
            return fake([{"doubled": 0.4}.get(purpose, 0.5)], eps, steps=7)
        np.testing.assert_array_equal(among, [np.arange(100) < 40])
        return of_what_is_left(0.4, 0.4)

    apgd = fake([0.5], [1.0], steps=9, norm="l1")
    curves = {"fgsm": curve, "apgd_ce": curve, "pgd_linf": curve, "pgd_l2": far}
    found = reruns(attack, curves | {"apgd_ce:l1": apgd})
    again = {"pgd_linf", "pgd_l2", "apgd_ce:l1"}
    kinds = ("plain", "doubled", "restarted", "noise", "gradient_free", "targeted")
    assert {key: set(value) for key, value in found.items()} == {
        key: again for key in kinds
    } | {"wide": {"pgd_linf"}}
    expected = [("wide", "pgd_linf", [0.5, 1.0], {})]
    for name, norm, eps, steps in (
        ("pgd_linf", "linf", [0.2], 7),
        ("pgd_l2", "l2", [2.0], 5),
        ("apgd_ce:l1", "l1", [1.0], 9),
    ):
        expected += [
            ("plain", name, eps, {}),
            ("doubled", name, eps, {"steps": 2 * steps}),
            ("restarted", name, eps, {"restarts": 5}),
            (f"noise for {name}", f"noise:{norm}", eps, {}),
            (f"gradient_free for {name}", f"square:{norm}", eps, {}),
            (f"targeted for {name}", f"apgd_t:{norm}", eps, {}),
        ]
    assert sorted(asked, key=str) == sorted(expected, key=str)


def test_robust_accuracy_is_a_share_per_net_and_radius():
    correct = np.array([[[True, False, False, False]], [[True, True, True, False]]])
    np.testing.assert_array_equal(robust_accuracy(correct), [[0.25], [0.75]])


def test_probabilities_are_refused(images, params):
    soft = lambda net, batch: jax.nn.softmax(apply(net, batch))
    labels = np.zeros(N, int)
    with pytest.raises(InputError, match="gives probabilities .* drop its softmax"):
        epsilon_curve(KEY, "fgsm", soft, params, images, labels, [0.1], chunk=4)
    with pytest.raises(InputError, match="not finite"):
        check_logits(np.array([[0.0, np.nan]]))
    with pytest.raises(InputError, match="1 output; attacks need 2 classes or more"):
        check_logits(np.array([[3.0], [-2.0]]))
    check_logits(np.array([[0.5, 0.5], [3.0, -2.0]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.full((2, 2, 2, 1), 255, np.uint8)}, "divide 8-bit pixels by"),
        ({"images": np.full((2, 2, 2, 1), 1.5)}, r"float64 in \[1.5, 1.5\]"),
        ({"images": np.full((2, 2, 2, 1), np.nan)}, "must be floats in"),
        ({"images": np.zeros((2, 4))}, r"shape \(2, 4\); it must be \(n, h, w, c\)"),
        ({"labels": np.zeros(3, int)}, r"shape \(3,\); 2 images need \(2,\)"),
        ({"labels": np.zeros(2)}, "labels of attacked images are float64"),
        ({"eps": [-0.1]}, r"eps is \[-0.1\]"),
        ({"eps": [np.inf]}, r"eps is \[inf\]"),
        ({"eps": []}, "must be a list of finite radii"),
        ({"chunk": 0}, "chunk is 0"),
        ({"name": "pdg"}, "no attack 'pdg'"),
    ],
)
def test_bad_input_is_refused(change, message, params):
    given = {
        "name": "fgsm",
        "images": np.zeros((2, *SHAPE)),
        "labels": np.zeros(2, int),
        "eps": [0.1],
        "chunk": 2,
    } | change
    with pytest.raises(InputError, match=message):
        epsilon_curve(KEY, apply=apply, params=params, **given)


def test_autoattack_does_not_hide_that_square_beats_the_gradients():
    curves = {
        "pgd_linf": fake([0.8], [0.1], steps=20),
        "square": fake([0.1], [0.1], steps=50),
        "autoattack": fake([0.1], [0.1], steps=100),
    }
    checks = masking_checks(curves, noise={"pgd_linf": of_what_is_left(0.8, 0.5)})
    assert checks["gradient_free_not_stronger"] is False
    assert checks["random_noise_not_stronger"] is False


def test_convergence_is_judged_without_what_dropping_adds():
    """The dropped curve holds 0.3; alone the attack leaves 0.6, twice the steps 0.4."""
    dropped = {"pgd_linf": fake([0.3], [0.1], steps=20)}
    doubled = {"pgd_linf": fake([0.4], [0.1], steps=40)}
    assert masking_checks(dropped, doubled=doubled)["steps_converged"] is True
    plain = {"pgd_linf": fake([0.6], [0.1], steps=20)}
    found = masking_checks(dropped, plain=plain, doubled=doubled, restarted=plain)
    assert found["steps_converged"] is False and found["restarts_converged"] is True


def test_a_wide_ball_is_judged_beside_the_curves():
    curves = {"pgd_linf": fake([0.3], [0.1], steps=20)._replace(num_classes=10)}
    for left, passed in ((0.1, True), (0.4, False)):
        wide = {"pgd_linf": fake([left], [0.5], steps=20)}
        checks = masking_checks(curves, wide=wide)
        assert checks["large_eps_reaches_chance"] is passed


def test_what_needs_no_dropping_runs_once_for_all_radii(params, images):
    labels, eps = np.arange(N) % 2, np.array([0.01, 0.05, 0.1, 0.2])
    nets = apply, params, images, labels
    found = [
        epsilon_curve(KEY, "deepfool", *nets, eps, chunk=4, drop=drop)
        for drop in (False, True)
    ]
    np.testing.assert_array_equal(found[0].robust, found[1].robust)
    assert "dropped" not in found[1].settings[0]


def test_dropping_compiles_nothing_for_another_number_of_survivors(params, images):
    labels = np.arange(N) % 2
    run = lambda eps: epsilon_curve(
        KEY, "pgd_linf", apply, params, images, labels, eps, chunk=4, drop=True, steps=3
    )
    run(np.array([0.01, 0.02]))
    with jax.log_compiles(), capture_compiles() as names:
        run(np.array([0.03, 0.05, 0.08, 0.13]))
    assert [name for name in names if "concatenate" not in name] == []


@contextmanager
def capture_compiles():
    """Names of the programs that are compiled meanwhile."""
    names = []
    handler = logging.Handler()
    handler.emit = lambda record: names.append(record.getMessage())
    logger = logging.getLogger("jax._src.interpreters.pxla")
    logger.addHandler(handler)
    try:
        yield names
    finally:
        logger.removeHandler(handler)


def test_randomised_models_are_refused(params, images):
    with pytest.raises(InputError, match="take 'standard' or 'plus'"):
        epsilon_curve(
            KEY, "autoattack", apply, params, images, np.arange(N) % 2,
            np.array([0.1]), chunk=4, version="rand",
        )  # fmt: skip
