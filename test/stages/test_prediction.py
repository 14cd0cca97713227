"""People some time after their image."""

import numpy as np

from pose3d_ros.core.types import Hand3D, Person3D, Skeletons3D
from pose3d_ros.stages.prediction import carried_hands, predicted


def person(**known) -> Person3D:
    return Person3D("a", 1, "h36m17", np.tile([0, 0, 3.0], (17, 1)), np.full(17, 0.1), np.ones(17), **known)


def hand(side="left") -> Hand3D:
    return Hand3D(
        "a", 1, side, np.zeros(3), np.array([0, 0, 0, 1.0]), np.zeros((21, 3), np.float32), np.ones(21), np.ones(21),
        np.zeros(20), 0.1, np.zeros(5),
    )  # fmt: skip


WALKS = {"velocity_m_s": np.tile([1.0, 0, 0], (17, 1)), "root_covariance": np.eye(3) * 0.01}


def test_who_walks_is_ahead_and_less_certain_and_the_hands_go_along():
    result = Skeletons3D(10, "camera", (person(**WALKS),), (hand(),))
    found = predicted(result, 0.1)
    (then,) = found.people
    np.testing.assert_allclose(then.xyz_m[:, 0], 0.1, atol=0.01)
    assert (then.sigma_m > 0.1).all()
    assert np.trace(then.root_covariance) > 0.03
    np.testing.assert_allclose(found.hands[0].wrist_m, then.xyz_m[0] - (0, 0, 3), atol=1e-6)
    assert found.predicted_s == 0.1
    assert found.stamp_ns == 10


def test_without_velocity_or_time_nothing_is_said():
    result = Skeletons3D(10, "camera", (person(),), (hand(),))
    assert predicted(result, 0.0) is result
    np.testing.assert_array_equal(predicted(result, 0.2).people[0].xyz_m, result.people[0].xyz_m)


def test_hands_have_the_velocity_of_their_wrist():
    found = carried_hands([hand(), hand("right")], [person(**WALKS)])
    for one in found:
        np.testing.assert_allclose(one.velocity_m_s, np.tile([1.0, 0, 0], (21, 1)))
    assert carried_hands([hand()], [person()])[0].velocity_m_s is None
