"""Everything ROS: messages, parameters, nodes, diagnostics. Nothing outside this folder imports ROS."""
