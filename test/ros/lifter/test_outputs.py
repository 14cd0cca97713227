"""The outputs beside skeletons and hands: what goes out, that nothing is made for nobody, and what is refused."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from geometry_msgs.msg import Pose, PoseArray, PoseStamped
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.ros import conversions, images
from pose3d_ros.ros.outputs import REGISTRY, base, cloud, named_poses
from pose3d_ros.ros.outputs.base import Moment
from pose3d_ros.stages.articulation import Articulation

ALL = ("cloud", "followed", "named_poses", "openxr_hands", "overlay")


@pytest.fixture
def moment(make):
    people = tuple(make.person3d(make.body(name), track) for track, name in enumerate(("anna", "ben")))
    people = tuple(Articulation().articulate(0, people))
    hands = tuple(make.hand3d("anna", 0, side) for side in ("left", "right"))
    return Moment(Skeletons3D(5, "camera_optical_frame", people, hands), people[0], make.frame(0), make.camera)


def ready(bench, *more, **parameters):
    return bench(output__more=list(more), **parameters).up().calibrate()


def listening(b, message, topic, qos=10):
    """An inbox that the node knows of."""
    inbox = b.inbox(message, topic, qos)
    b.ros.until(lambda: b.node.count_subscribers(b.topic(topic)) == 1, f"the reader of {topic}")
    return inbox


def test_cloud_holds_joints_and_bones_of_everybody(bench, make):
    b = ready(bench, "cloud")
    out = listening(b, PointCloud2, "cloud")
    b.send(make.frame(0, make.body("anna"), make.body("ben")))
    (msg,) = out.wait(1)
    points = np.frombuffer(bytes(msg.data), np.float32).reshape(-1, 5)
    assert (msg.header.frame_id, msg.width, msg.point_step) == ("camera_optical_frame", len(points), 20)
    assert [field.name for field in msg.fields] == ["x", "y", "z", "sigma", "track"]
    assert len(points) == 2 * (17 + 3 * 16)
    assert set(points[:, 4]) == {0, 1}
    np.testing.assert_allclose(points[:17, :3], make.person3d(make.body("anna"), 0).xyz_m)


def test_cloud_is_empty_without_people_and_leaves_out_invalid_joints(moment):
    assert cloud.points_of(Skeletons3D(1, "", ())).shape == (0, 5)
    person = moment.result.people[0]
    person.state[3], person.xyz_m[3] = 0, np.nan
    assert len(cloud.points_of(Skeletons3D(1, "", (person,)))) == 16 + 3 * 15


def test_followed_is_the_nearest_and_stays_the_same_person(bench, make):
    b = ready(bench, "followed")
    out = listening(b, PoseStamped, "followed/pose")
    b.send(make.frame(0, make.body("anna"), make.body("ben")))
    first = out.wait(1)[0].pose
    assert first.position.z == pytest.approx(3.0)
    turned = first.orientation
    toward = 2 * (turned.x * turned.z - turned.w * turned.y)  # z of the axis that points ahead
    assert toward == pytest.approx(-1, abs=0.05)  # their left is the image's right: they look at the camera
    b.send(make.frame(1, make.body("ben"), make.body("anna")))  # the tracks change places: 0 is still followed
    assert out.wait(2)[1].pose.position.z == pytest.approx(3.0)


def test_poses_of_body24_and_of_openxr_hands_come_out(bench, make):
    b = ready(bench, "named_poses", "openxr_hands")
    b.pipeline.with_hands = True
    body = listening(b, PoseArray, "followed/body24")
    left, right = (listening(b, PoseArray, f"hands/{side}/openxr") for side in ("left", "right"))
    b.send(make.frame(0, make.body("anna"), make.body("ben")))
    assert len(body.wait(1)[0].poses) == 24
    for inbox, x in ((left, 0.2), (right, -0.2)):
        poses = inbox.wait(1)[0].poses
        assert len(poses) == 26
        assert poses[1].position.x == pytest.approx(x)


def test_a_joint_without_a_rotation_is_a_zero_pose_and_not_valid(moment):
    person = moment.followed24
    person.quat_xyzw[5] = np.nan
    places, turned, valid = named_poses.poses_of(person)
    assert valid == [row != 5 for row in range(24)]
    assert not turned[5].any()
    assert not places[5].any()


@pytest.mark.parametrize("kind", [Image, CompressedImage])
def test_overlay_draws_on_the_image_of_the_same_stamp(bench, make, kind):
    b = ready(bench, "overlay")
    out = b.inbox(kind, "image/overlay" if kind is Image else "image/overlay/compressed")
    camera = b.ros.publisher(Image, b.topic("image"))  # waits until the overlay reads images
    frame = make.frame(0, make.body("anna"))
    pixels = images.from_array(np.full((480, 640, 3), (200, 0, 0), np.uint8), "bgr8")
    pixels.header = conversions.header(frame.stamp_ns, frame.frame_id)
    camera.publish(pixels)
    (overlay,) = [output for output in b.node._outputs._more if output.NAME == "overlay"]
    b.ros.until(lambda: overlay._kept, "the image")
    b.send(frame)
    drawn = images.to_bgr(out.wait(1)[0])
    assert drawn.shape == (480, 640, 3)
    assert abs(int(drawn[5, 5, 0]) - 200) < 4
    assert abs(int(drawn[5, 5, 1])) < 4
    assert (drawn[..., 1] > 150).sum() > 500  # green bones


def test_nothing_is_made_while_nobody_listens(bench, make, monkeypatch):
    asked = []
    for name in ALL:
        monkeypatch.setattr(REGISTRY[name], "publish", lambda self, moment: asked.append(self.NAME))
    b = ready(bench, *ALL)
    b.send(make.frame(0), make.frame(1))
    b.ros.until(lambda: len(b.pipeline.pushed) + len(b.pipeline.observed) == 2, "both frames")
    b.node.trigger_deactivate()  # which waits for the worker
    assert asked == []


def test_what_is_stale_is_not_sent(moment):
    from dataclasses import replace

    sent = []
    stale = replace(moment, result=replace(moment.result, stale=True))
    for name in ("cloud", "followed", "named_poses", "openxr_hands"):
        output = REGISTRY[name].__new__(REGISTRY[name])
        output._send = {side: sent.append for side in ("left", "right")} if name == "openxr_hands" else sent.append
        output._poses, output._message = [Pose() for _ in range(24)], PoseArray(poses=[Pose() for _ in range(26)])
        output.publish(stale)
        assert sent == []
        output.publish(moment)
        assert sent
        sent.clear()


def test_an_output_that_fails_is_reported_and_the_others_go_on(bench, make, monkeypatch):
    b = ready(bench, "followed", "cloud")
    monkeypatch.setattr(REGISTRY["followed"], "publish", lambda self, moment: 1 / 0)
    listening(b, PoseStamped, "followed/pose")
    out = listening(b, PointCloud2, "cloud")
    b.send(make.frame(0))
    out.wait(1)
    assert any("output followed: ZeroDivisionError" in text for text in reported(b.node))


def reported(node):
    return [reason.text for reason in node.health._reasons.values()]


@pytest.mark.parametrize(
    ("name", "why"), [("clouds", "expected names among cloud"), ("people", "needs the package people_msgs")]
)
def test_an_output_that_is_not_there_is_refused_with_the_reason(bench, monkeypatch, name, why):
    monkeypatch.setitem(base.UNAVAILABLE, "people", "people_msgs")
    b = bench(output__more=[name])
    assert b.node.trigger_configure().name == "FAILURE"
    assert why in b.node.last_error


def test_sonic_streams_to_who_subscribes_and_says_when_its_address_is_taken(bench, make):
    zmq = pytest.importorskip("zmq")
    from pose3d_ros.control.sonic import unpacked

    b = bench(output__more=["sonic"], output__sonic_address="tcp://127.0.0.1:*").up().calibrate()
    (sonic,) = b.node._outputs._more
    address = sonic._socket.getsockopt_string(zmq.LAST_ENDPOINT)
    assert not sonic.wanted
    reader = zmq.Context.instance().socket(zmq.SUB)
    reader.connect(address)
    reader.subscribe("pose")
    try:
        b.ros.until(lambda: b.send(make.frame(len(b.pipeline.pushed))) or reader.poll(20), "a frame")
        assert unpacked(reader.recv())["smpl_joints"].shape == (1, 24, 3)
        other = bench(output__more=["sonic"], output__sonic_address=address)
        assert other.node.trigger_configure().name == "FAILURE"
        assert "output.sonic_address" in other.node.last_error
    finally:
        reader.close(0)


def stub(monkeypatch, name, *classes):
    """A message package that is not installed."""
    module = ModuleType(f"{name}.msg")
    for kind in classes:
        setattr(module, kind, type(kind, (SimpleNamespace,), {}))
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, f"{name}.msg", module)


def test_people_carry_position_velocity_and_how_much_is_seen(moment, monkeypatch):
    stub(monkeypatch, "people_msgs", "People", "Person")
    monkeypatch.delitem(sys.modules, "pose3d_ros.ros.outputs.people", raising=False)
    from pose3d_ros.ros.outputs import people

    monkeypatch.delitem(REGISTRY, "people", raising=False)
    person = moment.result.people[0]
    object.__setattr__(person, "velocity_m_s", np.full((17, 3), 0.5, np.float32))
    out = people.person_of(person)
    assert (out.name, out.velocity.x, out.position.z) == ("anna", 0.5, pytest.approx(3.0))
    assert out.reliability == pytest.approx(13 / 17)
    object.__setattr__(person, "velocity_m_s", None)
    assert people.person_of(person).velocity.x == 0


def test_rep_155_has_ids_points_in_the_image_and_topics_that_go_with_the_person(moment, monkeypatch):
    kinds = ("IdsList", "NormalizedPointOfInterest2D", "NormalizedRegionOfInterest2D", "Skeleton2D")
    stub(monkeypatch, "hri_msgs", *kinds)
    monkeypatch.delitem(sys.modules, "pose3d_ros.ros.outputs.hri", raising=False)
    from pose3d_ros.ros.outputs.hri import Hri

    monkeypatch.delitem(REGISTRY, "hri", raising=False)
    sent, topics = [], []
    monkeypatch.setattr(
        Hri, "advertise", lambda self, kind, topic: topics.append(topic) or (lambda msg: sent.append((topic, msg)))
    )
    monkeypatch.setattr(Hri, "withdraw", lambda self, topic: topics.remove(topic))
    output = Hri(None, None)
    output.publish(moment)
    of = dict(sent)
    assert of["/humans/bodies/tracked"].ids == ["anna", "ben"]
    nose = of["/humans/bodies/anna/skeleton2d"].skeleton[0]
    person = moment.result.people[0]
    x, y = (moment.camera.project(person.xyz_m[9]) + 0.5) / (640, 480)
    assert (nose.x, nose.y, nose.c) == pytest.approx((x, y, 1.0))
    assert len(of["/humans/bodies/anna/skeleton2d"].skeleton) == 18
    assert 0 <= of["/humans/bodies/anna/roi"].xmin < of["/humans/bodies/anna/roi"].xmax <= 1
    output.publish(Moment(Skeletons3D(6, "camera_optical_frame", moment.result.people[:1]), None, None, moment.camera))
    assert "/humans/bodies/ben/roi" not in topics
    assert "/humans/bodies/anna/roi" in topics
