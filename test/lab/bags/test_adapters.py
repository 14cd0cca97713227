"""Messages of other packages, from definitions as those packages have them."""

import sqlite3

import numpy as np
import pytest

from pose3d_ros.adapters.joints import JointMap, read_joint_map
from pose3d_ros.adapters.zed import BODY_18, BODY_34, BODY_38
from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.types import TopicChoice
from pose3d_ros.lab.bags.writer import BagWriter

START_NS, FRAME = 1_700_000_000_000_000_000, "camera"
H36M, COCO, BODY25 = (formats.get(name) for name in ("h36m17", "coco17", "body25"))
YOLO = {
    "Point2D": "float64 x\nfloat64 y",
    "KeyPoint2D": "int32 id\nyolo_msgs/Point2D point\nfloat64 score",
    "KeyPoint2DArray": "yolo_msgs/KeyPoint2D[] data",
    "Detection": "int32 class_id\nstring class_name\nfloat64 score\nstring id\nyolo_msgs/KeyPoint2DArray keypoints",
    "DetectionArray": "std_msgs/Header header\nyolo_msgs/Detection[] detections",
}
HRI = {
    "NormalizedPointOfInterest2D": "float32 x\nfloat32 y\nfloat32 c",
    "Skeleton2D": "std_msgs/Header header\nuint8 NOSE = 0\nhri_msgs/NormalizedPointOfInterest2D[] skeleton",
}
ZED = {
    "Keypoint2Df": "float32[2] kp",
    "Keypoint3D": "float32[3] kp",
    "Skeleton2D": "zed_msgs/Keypoint2Df[70] keypoints",
    "Skeleton3D": "zed_msgs/Keypoint3D[70] keypoints",
    "Object": "string label\nint16 label_id\nfloat32 confidence\nbool tracking_available\nbool skeleton_available\n"
    "int8 body_format\nzed_msgs/Skeleton2D skeleton_2d\nzed_msgs/Skeleton3D skeleton_3d",
    "ObjectsStamped": "std_msgs/Header header\nzed_msgs/Object[] objects",
}


class Foreign(BagWriter):
    """Also writes messages of a package given as name -> definition."""

    def teach(self, package: str, texts: dict[str, str]) -> None:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        types = dict(self._store.fielddefs)
        for name, text in texts.items():
            types.update(get_types_from_msg(text, f"{package}/msg/{name}"))
        self._store = get_typestore(Stores.EMPTY)
        self._store.register(types)


def write_yolo(path, storage="mcap"):
    with Foreign(path, storage) as bag:
        bag.teach("yolo_msgs", YOLO)
        points = [
            bag.make("yolo_msgs/msg/KeyPoint2D", id=id, point=bag.make("yolo_msgs/msg/Point2D", x=x, y=5.0), score=0.9)
            for id, x in ((1, 10.0), (6, 60.0), (17, 170.0))
        ]  # fmt: skip
        detections = [
            bag.make(
                "yolo_msgs/msg/Detection", class_id=0, class_name="person", score=0.8, id=id,
                keypoints=bag.make("yolo_msgs/msg/KeyPoint2DArray", data=data),
            )
            for id, data in (("7", points), ("", []))
        ]  # fmt: skip
        kind = "yolo_msgs/msg/DetectionArray"
        header = bag.header(START_NS, FRAME)
        bag.write("/yolo/tracking", kind, START_NS + 9, bag.make(kind, header=header, detections=detections))
    return path


def test_yolo_keypoints_are_numbered_from_one(tmp_path):
    (entry,) = Bag(write_yolo(tmp_path / "bag")).inputs()
    (person,) = entry.keypoints.people  # a detection without keypoints is no person
    assert (person.format, person.id) == ("coco17", "7")
    assert person.xy_px[COCO.index("nose")].tolist() == [10, 5]
    assert person.xy_px[COCO.index("left_shoulder")].tolist() == [60, 5]
    assert person.xy_px[COCO.index("right_ankle")].tolist() == [170, 5]
    assert np.count_nonzero(person.score) == 3


def test_a_missing_definition_gives_the_remedy_and_handing_it_over_helps(tmp_path):
    path = write_yolo(tmp_path / "bag", "sqlite3")
    database = sqlite3.connect(next(path.glob("*.db3")))
    database.execute("DELETE FROM message_definitions")  # as Humble records
    database.commit()
    database.close()
    with pytest.raises(InputError, match=r"\.msg files of package yolo_msgs .*--topic msgs=.*record with mcap"):
        list(Bag(path).inputs())
    folder = tmp_path / "yolo_msgs" / "msg"
    folder.mkdir(parents=True)
    for name, text in YOLO.items():
        (folder / f"{name}.msg").write_text(text)
    assert len(list(Bag(path, TopicChoice(msgs=str(tmp_path / "yolo_msgs"))).inputs())) == 1


def test_hri_skeletons_of_one_stamp_are_one_frame(tmp_path):
    with Foreign(tmp_path / "bag") as bag:
        bag.teach("hri_msgs", HRI)
        bag.camera("/camera_info", START_NS, Camera.from_fov(200, 100, 60), START_NS, FRAME)
        for step in range(2):
            for name in ("abcde", "fghij"):
                points = [
                    bag.make("hri_msgs/msg/NormalizedPointOfInterest2D", x=0.5, y=i / 20, c=0.0 if i == 1 else 0.8)
                    for i in range(18)
                ]
                kind = "hri_msgs/msg/Skeleton2D"
                message = bag.make(kind, header=bag.header(START_NS + step, FRAME), skeleton=points)
                bag.write(f"/humans/bodies/{name}/skeleton2d", kind, START_NS + 10 * step + 5, message)
    bag = Bag(tmp_path / "bag")
    inputs = list(bag.inputs())
    assert [[person.id for person in entry.keypoints.people] for entry in inputs] == [["abcde", "fghij"]] * 2
    person = inputs[0].keypoints.people[0]
    assert np.isnan(person.xy_px[BODY25.index("neck")]).all()  # confidence 0
    # by the constants of the message, the left eye is 14 and the right eye 15
    np.testing.assert_allclose(person.xy_px[BODY25.index("left_eye")], [99.5, 69.5], atol=1e-4)
    np.testing.assert_allclose(person.xy_px[BODY25.index("right_eye")], [99.5, 74.5], atol=1e-4)


def test_hri_keypoints_without_the_size_of_the_image_are_counted(tmp_path):
    with Foreign(tmp_path / "bag") as bag:
        bag.teach("hri_msgs", HRI)
        kind = "hri_msgs/msg/Skeleton2D"
        message = bag.make(kind, header=bag.header(START_NS, FRAME), skeleton=[])
        bag.write("/humans/bodies/abcde/skeleton2d", kind, START_NS, message)
    bag = Bag(tmp_path / "bag")
    assert list(bag.inputs()) == []
    assert [number for reason, number in bag.skipped.items() if "no camera_info" in reason] == [1]


@pytest.mark.parametrize(("number", "names"), [(0, BODY_18), (1, BODY_34), (2, BODY_38)])
def test_zed_bodies_in_2d_and_3d(tmp_path, number, names):
    assert len(names) == (18, 34, 38)[number]
    with Foreign(tmp_path / "bag") as bag:
        bag.teach("zed_msgs", ZED)
        at = names.index("left_wrist")
        flat = [(-1.0, -1.0) if i == 0 else (i, 2.0 * i) for i in range(70)]
        solid = [(np.nan,) * 3 if i == 0 else (i, 0.0, 1.0) for i in range(70)]
        body = bag.make(
            "zed_msgs/msg/Object", label="Body_4", label_id=4, confidence=75.0, tracking_available=True,
            skeleton_available=True, body_format=number,
            skeleton_2d=bag.make("zed_msgs/msg/Skeleton2D", keypoints=[
                bag.make("zed_msgs/msg/Keypoint2Df", kp=np.array(kp, np.float32)) for kp in flat]),
            skeleton_3d=bag.make("zed_msgs/msg/Skeleton3D", keypoints=[
                bag.make("zed_msgs/msg/Keypoint3D", kp=np.array(kp, np.float32)) for kp in solid]),
        )  # fmt: skip
        kind = "zed_msgs/msg/ObjectsStamped"
        bag.write(
            "/zed/bodies", kind, START_NS, bag.make(kind, header=bag.header(START_NS, "zed_left"), objects=[body])
        )
    bag = Bag(tmp_path / "bag")
    (entry,) = bag.inputs()
    (person,) = entry.keypoints.people
    assert (person.id, person.format) == ("4", "body25")
    assert person.xy_px[BODY25.index("left_wrist")].tolist() == [at, 2 * at]
    assert person.score[BODY25.index("left_wrist")] == np.float32(0.75)
    assert person.score[BODY25.index(names[0])] == 0  # not seen
    (frame,) = bag.skeletons("/zed/bodies").frames
    (body,) = frame.people
    assert (frame.frame_id, body.track, body.skeleton) == ("zed_left", 4, "h36m17")
    assert body.xyz_m[H36M.index("left_wrist")].tolist() == [at, 0, 1]
    shoulders = [names.index(f"{side}_shoulder") for side in ("left", "right")]
    assert body.xyz_m[H36M.index("thorax"), 0] == np.mean(shoulders)  # its definition
    assert body.state[H36M.index("spine")] == 0  # another definition than ours
    assert np.isnan(body.xyz_m[H36M.index("head_top")]).all()


def point(bag, xyz, kind="geometry_msgs/msg/Point"):
    return bag.make(kind, **dict(zip("xyz", map(float, xyz), strict=True)))


def pose(bag, xyz, quat=(0, 0, 0, 1)):
    turn = bag.make("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", map(float, quat), strict=True)))
    return bag.make("geometry_msgs/msg/Pose", position=point(bag, xyz), orientation=turn)


def marker(bag, ns, id, kind, xyz=(0, 0, 0), points=(), action=0, quat=(0, 0, 0, 1)):
    colour = bag.make("std_msgs/msg/ColorRGBA", r=1.0, g=0.0, b=0.0, a=1.0)
    file = bag.make("visualization_msgs/msg/MeshFile", filename="", data=np.zeros(0, np.uint8))
    texture = bag.make(
        "sensor_msgs/msg/CompressedImage", header=bag.header(0, ""), format="", data=np.zeros(0, np.uint8)
    )
    return bag.make(
        "visualization_msgs/msg/Marker", header=bag.header(START_NS, "map"), ns=ns, id=id, type=kind, action=action,
        pose=pose(bag, xyz, quat), scale=point(bag, (1, 1, 1), "geometry_msgs/msg/Vector3"), color=colour,
        lifetime=bag.make("builtin_interfaces/msg/Duration", sec=0, nanosec=0), frame_locked=False,
        points=[point(bag, xyz) for xyz in points], colors=[], texture_resource="", texture=texture, uv_coordinates=[],
        text="", mesh_resource="", mesh_file=file, mesh_use_embedded_materials=False,
    )  # fmt: skip


def test_markers_that_are_lists_are_people_and_single_ones_are_joints(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        kind = "visualization_msgs/msg/MarkerArray"
        lists = [
            marker(bag, "joints", 3, 7, (0, 0, 1), [(1, 0, 0), (2, 0, 0)], quat=(0, 0, np.sqrt(0.5), np.sqrt(0.5))),
            marker(bag, "other", 4, 7, points=[(9, 9, 9)] * 2),
            marker(bag, "joints", 5, 7, points=[(9, 9, 9)] * 2, action=2),
        ]
        bag.write("/lists", kind, START_NS, bag.make(kind, markers=lists))
        singles = [marker(bag, "anna", 0, 2, (1, 2, 3)), marker(bag, "ben", 0, 2, (4, 5, 6))]
        bag.write("/singles", kind, START_NS, bag.make(kind, markers=singles))
    bag = Bag(tmp_path / "bag")
    joints = JointMap(sources={"nose": ("0",), "pelvis": ("0", "1")}, namespace="joints")
    (frame,) = bag.skeletons("/lists", joints=joints).frames
    (person,) = frame.people
    assert (frame.frame_id, frame.stamp_ns, person.track) == ("map", START_NS, 3)
    np.testing.assert_allclose(person.xyz_m[H36M.index("nose")], (0, 1, 1), atol=1e-6)  # by the marker's own pose
    np.testing.assert_allclose(person.xyz_m[H36M.index("pelvis")], (0, 1.5, 1), atol=1e-6)  # the mean of two
    joints = JointMap(sources={"nose": ("{person}/0",)}, people=("anna", "ben"))
    (frame,) = bag.skeletons("/singles", joints=joints).frames
    assert [(p.id, p.xyz_m[H36M.index("nose")].tolist()) for p in frame.people] == [
        ("anna", [1, 2, 3]),
        ("ben", [4, 5, 6]),
    ]
    with pytest.raises(InputError, match="give a joint map"):
        bag.skeletons("/singles")


def test_poses_are_split_into_people(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        kind = "geometry_msgs/msg/PoseArray"
        poses = [pose(bag, (i, 0, 0)) for i in range(4)]
        bag.write("/poses", kind, START_NS, bag.make(kind, header=bag.header(START_NS, "map"), poses=poses))
    joints = JointMap(sources={"nose": ("1",)}, scale_m=0.01, points_per_person=2)
    (frame,) = Bag(tmp_path / "bag").skeletons("/poses", joints=joints).frames
    np.testing.assert_allclose([p.xyz_m[H36M.index("nose"), 0] for p in frame.people], [0.01, 0.03])


def test_a_joint_map_file_is_read_and_its_faults_are_named(tmp_path):
    file = tmp_path / "map.yaml"
    file.write_text("unit: mm\nframe_id: map\npeople: [a]\njoints: {nose: 0, left_knee: ['{person}:in', out]}\n")
    joints = read_joint_map(file)
    assert joints.names("a") == {"nose": ("0",), "left_knee": ("a:in", "out")}
    assert (joints.scale_m, joints.frame_id, joints.people) == (0.001, "map", ("a",))
    for text, fault in (
        ("people: [a]", "key `joints`"),
        ("joints: {nase: 1}", "no joint 'nase'"),
        ("joints: {nose: 1}\nunit: inch", "one of m, cm, mm"),
        ("joints: {nose: 1}\nframe: map", "unknown keys frame"),
        ("joints: [", "expected YAML"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=fault):
            read_joint_map(file)
