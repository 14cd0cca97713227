"""Lifter or pose ViT, detector, robots, RViz. `ros2 launch pose3d_ros pose3d.launch.py --show-args` lists arguments."""

from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import LifecycleNode, Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

BOOL = ["true", "false"]
RESPAWN_S = 0.5
CONFIG = PathJoinSubstitution([FindPackageShare("pose3d_ros"), "config"])

ARGUMENTS = [
    DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes and topics"),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([CONFIG, "pose3d.yaml"]),
        description="YAML file with parameters of the nodes",
    ),
    DeclareLaunchArgument(
        "image", default_value="image", description="image topic, read by the detector, the pose ViT and RViz"
    ),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="calibration of that image"),
    DeclareLaunchArgument("keypoints", default_value="keypoints", description="topic of the 2D keypoints"),
    DeclareLaunchArgument(
        "detector", default_value="false", choices=BOOL, description="start the detector node; false: use your own"
    ),
    DeclareLaunchArgument(
        "from",
        default_value="",
        description="start the bridge node, which reads another package's keypoints: yolo, hri, zed, or a message type "
        "(docs/connect.md); empty: none",
    ),
    DeclareLaunchArgument(
        "from_topic", default_value="", description="topic of those messages; empty: the usual one of the package"
    ),
    DeclareLaunchArgument(
        "images",
        default_value="false",
        choices=BOOL,
        description="start pose_vit_node, which also looks at the image, instead of lifter_node, and refines hands "
        "by it (refine.hands, refine.body and hands.weights in params_file)",
    ),
    DeclareLaunchArgument(
        "retarget", default_value="false", choices=BOOL, description="start retarget_node: `robots` in params_file"
    ),
    DeclareLaunchArgument(
        "separation",
        default_value="false",
        choices=BOOL,
        description="start separation_node, which is no safety function",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOL, description="start RViz"),
    DeclareLaunchArgument(
        "rviz_config", default_value=PathJoinSubstitution([CONFIG, "pose3d.rviz"]), description="RViz configuration"
    ),
    DeclareLaunchArgument(
        "fixed_frame", default_value="camera_optical_frame", description="RViz: frame in which all is shown"
    ),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOL, description="time from /clock (simulation, bags)"
    ),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="least severe messages to show",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=BOOL,
        description="nodes configure and activate themselves, also after a crash; false where a lifecycle manager does",
    ),
    DeclareLaunchArgument(
        "respawn", default_value="true", choices=BOOL, description="start a node again when its process ends"
    ),
    DeclareLaunchArgument(
        "fastdds_profile",
        default_value=EnvironmentVariable(
            "FASTRTPS_DEFAULT_PROFILES_FILE", default_value=PathJoinSubstitution([CONFIG, "fastdds.xml"])
        ),
        description="Fast DDS profile; the default has shared memory for images (other middlewares ignore it)",
    ),
]


def lifecycle_node(
    executable: str, name: str, remapped: list[str], condition: IfCondition, parameters: dict | None = None
) -> LifecycleNode:
    """One of this package's nodes with what is common to them."""
    return LifecycleNode(
        package="pose3d_ros",
        executable=executable,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            LaunchConfiguration("params_file"),
            {name: LaunchConfiguration(name) for name in ("use_sim_time", "autostart")} | (parameters or {}),
        ],
        remappings=[(topic, LaunchConfiguration(topic)) for topic in remapped],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
        respawn=LaunchConfiguration("respawn"),
        respawn_delay=RESPAWN_S,
        condition=condition,
    )


def generate_launch_description() -> LaunchDescription:
    """The nodes and their start-up."""
    detect = LaunchConfiguration("detector")
    look, profile = LaunchConfiguration("images"), LaunchConfiguration("fastdds_profile")
    lifter = lifecycle_node("lifter_node", "lifter", ["keypoints", "camera_info"], UnlessCondition(look))
    pose_vit = lifecycle_node("pose_vit_node", "pose_vit", ["image", "keypoints", "camera_info"], IfCondition(look))
    detector = lifecycle_node("detector_node", "detector", ["image", "keypoints"], IfCondition(detect))
    other = {"source": LaunchConfiguration("from"), "topic": LaunchConfiguration("from_topic")}
    wanted = IfCondition(PythonExpression(["'", LaunchConfiguration("from"), "' != ''"]))
    bridge = lifecycle_node("bridge_node", "bridge", ["keypoints", "camera_info"], wanted, other)
    drive = LaunchConfiguration("retarget")
    retarget = lifecycle_node("retarget_node", "retarget", [], IfCondition(drive))
    watch = IfCondition(LaunchConfiguration("separation"))
    separation = lifecycle_node("separation_node", "separation", [], watch)
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", LaunchConfiguration("rviz_config"), "-f", LaunchConfiguration("fixed_frame")],
        parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
        # the saved configuration names absolute topics; these bring them into the namespace
        remappings=[("/markers", "markers"), ("/image", LaunchConfiguration("image"))],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription(
        [
            *ARGUMENTS,
            SetEnvironmentVariable("FASTRTPS_DEFAULT_PROFILES_FILE", profile),
            SetEnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", profile),
            lifter,
            pose_vit,
            detector,
            bridge,
            retarget,
            separation,
            rviz,
        ]
    )
