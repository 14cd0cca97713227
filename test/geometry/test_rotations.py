"""Rotations in numpy against scipy's."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from pose3d_ros.geometry import rotations

RANDOM = Rotation.random(200, random_state=1)


def same(a, b):
    return rotations.angle_rad(np.asarray(a), np.asarray(b)).max() < 1e-6


def test_quaternions_and_matrices_are_scipys_also_at_half_turns():
    halves = Rotation.from_rotvec(np.pi * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0], [0.6, 0, -0.8]]))
    for turn in (RANDOM, halves):
        quat = rotations.quat_of(turn.as_matrix())
        assert same(quat, turn.as_quat())
        assert (quat[:, 3] >= 0).all()
        assert rotations.matrix_of(quat) == pytest.approx(turn.as_matrix(), abs=1e-6)


def test_vectors_products_and_what_lies_between():
    other = Rotation.random(200, random_state=2)
    vectors = np.random.default_rng(3).normal(size=(200, 3))
    a, b = RANDOM.as_quat(), other.as_quat()
    assert rotations.rotate(a, vectors) == pytest.approx(RANDOM.apply(vectors), abs=1e-9)
    assert same(rotations.product(a, b), (RANDOM * other).as_quat())
    third = np.array([Slerp([0, 1], Rotation.from_quat([p, q]))(1 / 3).as_quat() for p, q in zip(a, b, strict=True)])
    assert same(rotations.between(a, b, np.full(200, 1 / 3)), third)
    assert same(rotations.between(a, a, np.full(200, 0.5)), a)


def test_a_vector_is_carried_by_the_shortest_turn():
    rng = np.random.default_rng(4)
    start, end, vector = (rng.normal(size=(50, 3)) for _ in range(3))
    start, end = rotations.unit(start), rotations.unit(end)
    keep = (start * end).sum(1) > -0.9
    axis = np.cross(start, end)
    angle = np.arctan2(np.linalg.norm(axis, axis=1), (start * end).sum(1))
    turn = Rotation.from_rotvec(rotations.unit(axis) * angle[:, None])
    assert rotations.carried(vector, start, end)[keep] == pytest.approx(turn.apply(vector)[keep], abs=1e-9)


def test_the_twist_about_an_axis_is_found_beside_a_swing():
    twist, swing = Rotation.from_rotvec([0, 0, 2.5]), Rotation.from_rotvec([0.7, -0.4, 0])
    found = rotations.turn_about((swing * twist).as_quat(), np.array([0.0, 0.0, 1.0]))
    assert found == pytest.approx(2.5)
