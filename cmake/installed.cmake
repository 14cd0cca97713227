# Which folders and files of the sources are installed: PYTHON_PARTS of the package, WEIGHTS of weights/.
#
# With WITH_LAB=OFF `lab/` (evaluation, training, reading of bags) stays out, and weights that only tables compare with:
# 18,000 lines and 17 MB. Nodes and launch files miss nothing of it; commands that need it say so.
# `cmake -DWITH_LAB=OFF -P cmake/installed.cmake` lists them.
get_filename_component(_sources "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
file(GLOB PYTHON_PARTS RELATIVE "${_sources}" "${_sources}/pose3d_ros/*")
file(GLOB WEIGHTS RELATIVE "${_sources}" "${_sources}/weights/*")
list(FILTER PYTHON_PARTS EXCLUDE REGEX "__pycache__")
if(NOT WITH_LAB)
  list(FILTER PYTHON_PARTS EXCLUDE REGEX "/lab$")
  list(FILTER WEIGHTS EXCLUDE REGEX "_clean\\.|/body_extpose\\.")
endif()
if(CMAKE_SCRIPT_MODE_FILE)
  foreach(_each ${PYTHON_PARTS} ${WEIGHTS})
    message("${_each}")
  endforeach()
endif()
