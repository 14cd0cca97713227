"""The study of moving cameras tells a camera that knows its pose from one that does not."""

from pose3d_ros.lab.evaluation.motion.moving import MovingConfig, evaluate_moving


def test_poses_keep_an_unseen_person_where_they_are(sample, small_lifter):
    config = MovingConfig(yaw_deg_s=(0.0, 90.0), drive_m_s=(), clips=1)
    found = evaluate_moving(sample, small_lifter, config)
    still, turning = found["yaw 0 deg/s"], found["yaw 90 deg/s"]
    assert still["poses"] == still["no poses"]
    assert turning["poses"]["gaps"] > 0
    assert turning["poses"]["unseen_root_mm"] < 0.8 * turning["no poses"]["unseen_root_mm"]
