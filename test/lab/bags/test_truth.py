import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import JointState
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.transforms import Transform, TransformTree
from pose3d_ros.lab.bags.truth import load_truth
from pose3d_ros.lab.bags.writer import BagWriter

START_NS, STEP_NS, FRAME = 1_700_000_000_000_000_000, 33_333_333, "camera"
H36M = formats.get("h36m17")
TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a quarter about z


@pytest.fixture
def moving(tmp_path, standing_m, frame_of):
    """A bag of a camera that drives along x of the map, and a person at rest there: (path, joints in the map)."""
    camera, world_m = Camera.from_fov(320, 240, 70), TURN @ np.add(standing_m, (0, 0, 3))[..., None]
    world_m = world_m[..., 0]
    with BagWriter(tmp_path / "bag") as bag:
        bag.transforms("/tf_static", START_NS, START_NS, [("base", FRAME, Transform(TURN, np.zeros(3)))])
        for number in range(10):
            stamp_ns = START_NS + number * STEP_NS
            base = Transform(np.eye(3), np.array([0.1 * number, 0, 0]))
            joints = [
                ("map", f"anna_{joint}", Transform(np.eye(3), xyz))
                for joint, xyz in zip(H36M.joints, world_m, strict=True)
                if joint not in ("spine", "thorax")
            ]
            bag.transforms("/tf", stamp_ns, stamp_ns, [("map", "base", base), *joints])
            bag.keypoints("/keypoints", stamp_ns, frame_of(camera, 0, stamp_ns))
    return tmp_path / "bag", world_m


def in_camera(world_m, number):
    return (world_m - (0.1 * number, 0, 0)) @ TURN


def test_tf_frames_are_truth_in_the_camera_frame(moving):
    path, world_m = moving
    truth = load_truth("tf:anna_", Bag(path))
    assert truth.stamps_ns == tuple(START_NS + i * STEP_NS for i in range(10))
    assert truth.frames[4].frame_id == FRAME
    (person,) = truth.frames[4].people
    known = [i for i, joint in enumerate(H36M.joints) if joint not in ("spine", "thorax")]
    np.testing.assert_allclose(person.xyz_m[known], in_camera(world_m, 4)[known], atol=1e-6)
    shoulders = in_camera(world_m, 4)[H36M.indices(("left_shoulder", "right_shoulder"))]
    np.testing.assert_allclose(person.xyz_m[H36M.index("thorax")], shoulders.mean(0), atol=1e-6)  # its definition
    assert person.state[H36M.index("spine")] == JointState.INVALID
    with pytest.raises(InputError, match="none of the frames ben_head_top"):
        load_truth("tf:ben_", Bag(path))


def test_transforms_between_two_stamps_and_beyond_the_last(moving):
    tree = TransformTree(Bag(moving[0]))
    half = tree.lookup("map", "base", START_NS + STEP_NS // 2)
    np.testing.assert_allclose(half.t, (0.05, 0, 0), atol=1e-6)
    assert tree.lookup("map", "base", START_NS - 10**9) is None
    with pytest.raises(InputError, match="TF: nowhere and map are not joined"):
        tree.lookup("map", "nowhere", START_NS)


def write_file(path, world_m, frames=10, unit=1.0):
    """The person in the map, as a file of that kind."""
    stamps = START_NS + np.arange(frames) * STEP_NS
    if path.suffix == ".npz":
        xyz_m = np.broadcast_to(world_m, (frames, *world_m.shape))
        np.savez(path, stamps_ns=stamps, xyz_m=xyz_m, joints=np.array(H36M.joints), frame_id="map")
    elif path.name.startswith("wide"):
        names = [f"{joint}_{axis}" for joint in H36M.joints for axis in "xyz"]
        lines = [",".join([str(stamp), *(f"{v * unit:.6f}" for v in world_m.ravel())]) for stamp in stamps]
        path.write_text("\n".join([",".join(["stamp_ns", *names]), *lines]))
    else:
        lines = [
            f"{stamp},anna,{joint},{','.join(f'{v * unit:.6f}' for v in xyz)}"
            for stamp in stamps
            for joint, xyz in zip(H36M.joints, world_m, strict=True)
        ]
        path.write_text("\n".join(["stamp_ns,person,joint,x,y,z", *lines]))
    return path


@pytest.mark.parametrize("name", ["truth.npz", "wide.csv", "long.csv"])
def test_files_are_turned_into_the_camera_frame(moving, tmp_path, name):
    path, world_m = moving
    unit = 1.0 if name == "truth.npz" else 1000.0
    file = write_file(tmp_path / name, world_m, unit=unit)
    prefix = "{person}/" if name == "long.csv" else ""
    lines = [f"  {joint}: '{prefix}{joint}'" for joint in H36M.joints]
    joint_map = tmp_path / "map.yaml"
    header = f"frame_id: map\npeople: [{'anna' if prefix else ''}]\nunit: {'m' if unit == 1 else 'mm'}\njoints:\n"
    joint_map.write_text(header + "\n".join(lines))
    for given in (joint_map, None) if name == "truth.npz" else (joint_map,):
        truth = load_truth(f"file:{file}", Bag(path), given)
        assert len(truth.frames) == 10
        np.testing.assert_allclose(truth.frames[7].people[0].xyz_m, in_camera(world_m, 7), atol=1e-5)


def test_an_offset_moves_the_stamps_before_tf_is_asked(moving, tmp_path):
    """A file whose clock is 3 frames behind: with the offset, what it says of the map fits the camera of later."""
    path, world_m = moving
    file = write_file(tmp_path / "truth.npz", world_m)
    bag = Bag(path)
    truth = load_truth(f"file:{file}", bag, offset_ns=3 * STEP_NS)
    assert truth.stamps_ns == tuple(START_NS + i * STEP_NS for i in range(3, 11))  # TF ends soon after the tenth
    np.testing.assert_allclose(truth.frames[0].people[0].xyz_m, in_camera(world_m, 3), atol=1e-5)
    assert bag.skipped[f"truth file:{file.name}: TF silent at this moment"] == 2


def test_our_names_need_no_map_and_empty_cells_are_hidden_joints(make_bag, tmp_path):
    file = tmp_path / "truth.csv"
    file.write_text(
        "time_s,person,joint,x,y,z\n0.5,anna,nose,1,2,3\n0.5,ben,nose,4,5,6\n0.5,ben,left_hip,,,\n0.6,anna,nose,7,8,9\n"
    )
    truth = load_truth(f"file:{file}", Bag(make_bag(frames=1)))
    assert truth.stamps_ns == (500_000_000, 600_000_000)
    assert [p.id for p in truth.frames[0].people] == ["anna", "ben"]
    assert truth.frames[0].people[1].state.sum() == 1
    assert [p.id for p in truth.frames[1].people] == ["anna"]


def test_a_topic_is_truth_and_wrong_sources_are_named(make_bag, tmp_path):
    bag = Bag(make_bag(frames=3))
    truth = load_truth("topic:/truth", bag, offset_ns=5)
    assert truth.stamps_ns[0] == START_NS + 5
    assert truth.source == "topic:/truth"
    for source, fault in (
        ("topic:/keypoints", "3D skeletons on '/keypoints'"),
        ("truth.npz", "expected topic:/name"),
        ("file:none.npz", "no such file"),
        ("file:none.txt", r"one of \.npz"),
    ):
        with pytest.raises(InputError, match=fault):
            load_truth(source, bag)
    np.savez(tmp_path / "other.npz", xyz_m=np.zeros((1, 2, 3)), joints=["a", "b"], times_s=[0.0])
    with pytest.raises(InputError, match=r"none of its points.*give a joint map.*a, b"):
        load_truth(f"file:{tmp_path / 'other.npz'}", bag)


def test_c3d_in_its_own_unit(make_bag, tmp_path):
    ezc3d = pytest.importorskip("ezc3d", reason="ezc3d reads C3D (extra c3d)")
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["nose", "left_hip"]
    points = np.ones((4, 2, 5))
    points[:3] = np.arange(30).reshape(3, 2, 5) * 100
    file["data"]["points"] = points
    file.write(str(tmp_path / "take.c3d"))
    truth = load_truth(f"file:{tmp_path / 'take.c3d'}", Bag(make_bag(frames=1)), offset_ns=START_NS)
    assert [stamp - START_NS for stamp in truth.stamps_ns] == [i * 10_000_000 for i in range(5)]
    person = truth.frames[2].people[0]
    np.testing.assert_allclose(person.xyz_m[H36M.index("left_hip")], points[:3, 1, 2] / 1000, atol=1e-6)


def test_c3d_without_ezc3d_says_what_to_install(make_bag, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ezc3d", None)
    (tmp_path / "take.c3d").write_bytes(b"")
    with pytest.raises(InputError, match=r"pip install 'pose3d_ros\[c3d\]'"):
        load_truth(f"file:{tmp_path / 'take.c3d'}", Bag(make_bag(frames=1)))
