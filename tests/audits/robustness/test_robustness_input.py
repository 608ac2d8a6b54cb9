"""What the robustness audit refuses, each in one line."""

import jax
import numpy as np
import pytest
from linear_networks import NETWORKS, PARAMS, SHAPE, apply

from dd_jax.attacks import ATTACKS
from dd_jax.audits.robustness import behaviour, check_logits, epsilon_curve
from dd_jax.types import InputError

KEY = jax.random.key(0)


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
def test_bad_input_is_refused(change, message):
    given = {
        "name": "fgsm",
        "images": np.zeros((2, *SHAPE)),
        "labels": np.zeros(2, int),
        "eps": [0.1],
        "chunk": 2,
    } | change
    with pytest.raises(InputError, match=message):
        epsilon_curve(KEY, apply=apply, params=PARAMS, **given)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4)), np.zeros(2, int), r"not float64\[2, 4\] and int64\[2\]"),
        (np.zeros((2, *SHAPE), np.uint8), np.zeros(2, int), r"not uint8\[2, 3, 2, 1\]"),
        (np.zeros((2, *SHAPE)), np.zeros(3, int), r"and int64\[3\]"),
        (np.zeros((2, *SHAPE)), np.zeros(2), r"and float64\[2\]"),
    ],
)
def test_shapes_and_dtypes_are_checked_at_each_call(images, labels, message):
    message = "images f32.n h w c. and labels i32.n., .*" + message
    with pytest.raises(InputError, match=message):
        ATTACKS["fgsm"](eps=0.1)(KEY, lambda x: x, images, labels)
    with pytest.raises(InputError, match=message):
        behaviour(KEY, apply, PARAMS, images, labels, chunk=2)


def test_a_setting_that_an_attack_does_not_have_is_refused():
    how = {"chunk": 4, "steps": 3, "speed": 2}
    with pytest.raises(InputError, match="'fgsm' has no setting speed, steps"):
        epsilon_curve(KEY, "fgsm", *NETWORKS, [0.0], **how)


def test_randomised_models_are_refused():
    with pytest.raises(InputError, match="take 'standard' or 'plus'"):
        epsilon_curve(KEY, "autoattack", *NETWORKS, [0.1], chunk=4, version="rand")


def test_probabilities_are_refused():
    soft = lambda net, batch: jax.nn.softmax(apply(net, batch))
    with pytest.raises(InputError, match="gives probabilities .* drop its softmax"):
        epsilon_curve(KEY, "fgsm", soft, *NETWORKS[1:], [0.1], chunk=4)
    with pytest.raises(InputError, match="not finite"):
        check_logits(np.array([[0.0, np.nan]]))
    with pytest.raises(InputError, match="1 output; attacks need 2 classes or more"):
        check_logits(np.array([[3.0], [-2.0]]))
    check_logits(np.array([[0.5, 0.5], [3.0, -2.0]]))


def test_networks_of_unequal_number_and_images_to_attack_of_another_shape():
    nets = {"w": PARAMS["w"], "other": PARAMS["w"][:1]}
    with pytest.raises(AssertionError, match="assert_equal_shape_prefix"):
        epsilon_curve(KEY, "fgsm", apply, nets, *NETWORKS[2:], [0.1], chunk=4)
    with pytest.raises(AssertionError, match="assert_shape"):
        among = np.ones((1, 3), bool)
        epsilon_curve(KEY, "fgsm", *NETWORKS, [0.1], chunk=4, among=among)
