#!/usr/bin/env python3
"""A sheet of what image models are trained on: rendered crops, and the keypoints drawn as their second image.

python tools/image_sheet.py [OUT.jpg] [--height 192] [--seed 5]
python tools/image_sheet.py docs/bodies_rendered.jpg --motion data/body/train.npz
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from pose3d_ros.geometry.crop import IMAGENET_MEAN, IMAGENET_STD
from pose3d_ros.lab.synthesis import image_windows, motion
from pose3d_ros.lab.synthesis.body_images import Bodies
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Subject
from pose3d_ros.lab.synthesis.image_windows import pose_input
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng

COLUMNS, ROWS = 8, 4


def sheet(subject: Subject, height: int, seed: int) -> np.ndarray:
    """BGR image."""
    width = height * 3 // 4
    config = ImageWindowConfig(frames=1, render=RenderConfig(width=width, height=height, samples=1))
    drawn = image_windows.draw(Rng(seed), COLUMNS * ROWS, config, subject)
    mean, std = (torch.tensor(value)[:, None, None] for value in (IMAGENET_MEAN, IMAGENET_STD))
    skeleton = pose_input("image", drawn.xy_px, drawn.score, config.render, config.drawing, subject.skeleton)
    pairs = torch.cat((drawn.image * std + mean, skeleton), -1)[:, 0]
    pixels = (255 * pairs.clamp(0, 1)).byte().permute(0, 2, 3, 1).numpy()[..., ::-1]
    rows = [np.concatenate(list(pixels[first : first + COLUMNS]), 1) for first in range(0, len(pixels), COLUMNS)]
    return np.concatenate(rows, 0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("docs/hands_rendered.jpg"))
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--motion", type=Path, nargs="*", help="motion files: people instead of hands")
    args = parser.parse_args()
    subject = Bodies(motion.load(args.motion)) if args.motion else HANDS
    cv2.imwrite(str(args.out), sheet(subject, args.height, args.seed), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
