"""Plays a bag through the lifter, with RViz: `ros2 launch pose3d_ros replay.launch.py bag:=PATH`."""

from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

BOOL = ["true", "false"]

ARGUMENTS = [
    DeclareLaunchArgument("bag", description="folder or file of the bag: keypoints and camera_info, maybe images"),
    DeclareLaunchArgument("rate", default_value="1.0", description="speed against that of the recording"),
    DeclareLaunchArgument("loop", default_value="false", choices=BOOL, description="start again at the end"),
    DeclareLaunchArgument(
        "delay", default_value="8.0", description="seconds before the bag starts, for the lifter to load and warm up"
    ),
    DeclareLaunchArgument("rviz", default_value="true", choices=BOOL, description="start RViz"),
]


def generate_launch_description() -> LaunchDescription:
    """pose3d.launch.py on simulated time, and the bag player."""
    loop = LaunchConfiguration("loop")
    play = ["ros2", "bag", "play", LaunchConfiguration("bag"), "--clock", "100", "--rate", LaunchConfiguration("rate")]
    play += ["--delay", LaunchConfiguration("delay")]
    pose3d = IncludeLaunchDescription(
        PathJoinSubstitution([FindPackageShare("pose3d_ros"), "launch", "pose3d.launch.py"]),
        launch_arguments={"use_sim_time": "true", "rviz": LaunchConfiguration("rviz")}.items(),
    )
    return LaunchDescription(
        [
            *ARGUMENTS,
            pose3d,
            ExecuteProcess(cmd=[*play, "--loop"], output="screen", condition=IfCondition(loop), respawn=True),
            ExecuteProcess(cmd=play, output="screen", condition=UnlessCondition(loop), on_exit=Shutdown()),
        ]
    )
