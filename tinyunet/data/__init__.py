"""Images to learn from: synthetic and real, a user's own, and what is done to them."""

from tinyunet.data.augment import Augmentation, random_gray, random_symmetry
from tinyunet.data.batches import Batches
from tinyunet.data.catalogue import load
from tinyunet.data.check.look import check_folder
from tinyunet.data.check.result import FolderCheck
from tinyunet.data.crop import random_crop
from tinyunet.data.dataset import Dataset
from tinyunet.data.files.report import FolderReport, MaskGuess
from tinyunet.data.files.scan import scan_folder
from tinyunet.data.large_files import ImageFile, open_image
from tinyunet.data.pairs import Pairs, PicturePairs
from tinyunet.data.sets.coin_flip_colours import COIN_HUES, coin_flip_colours
from tinyunet.data.sets.dsb2018 import load_dsb2018
from tinyunet.data.sets.folder import load_folder
from tinyunet.data.sets.image_files import read_image, read_pages
from tinyunet.data.sets.isbi2012 import load_isbi2012
from tinyunet.data.sets.line_art import LineArt, line_art, stroke
from tinyunet.data.sets.microscope import MicroscopePicture, microscope_picture
from tinyunet.data.sets.outlines import closed_outlines
from tinyunet.data.sets.pictures import load_gray_pairs, load_pairs
from tinyunet.data.sets.streets import STREET_CLASSES, synthetic_streets
from tinyunet.data.sets.synthetic import synthetic_cells, synthetic_membranes
from tinyunet.data.sets.two_cues import two_cues
from tinyunet.data.warp import deformed, displacement_field, random_warped_crop
from tinyunet.data.weightmap import separate, weight_map
from tinyunet.data.yuv import rgb_to_yuv, yuv_to_rgb

__all__ = [
    "COIN_HUES",
    "STREET_CLASSES",
    "Augmentation",
    "Batches",
    "Dataset",
    "FolderCheck",
    "FolderReport",
    "ImageFile",
    "LineArt",
    "MaskGuess",
    "MicroscopePicture",
    "Pairs",
    "PicturePairs",
    "check_folder",
    "closed_outlines",
    "coin_flip_colours",
    "deformed",
    "displacement_field",
    "line_art",
    "load",
    "load_dsb2018",
    "load_folder",
    "load_gray_pairs",
    "load_isbi2012",
    "load_pairs",
    "microscope_picture",
    "open_image",
    "random_crop",
    "random_gray",
    "random_symmetry",
    "random_warped_crop",
    "read_image",
    "read_pages",
    "rgb_to_yuv",
    "scan_folder",
    "separate",
    "stroke",
    "synthetic_cells",
    "synthetic_membranes",
    "synthetic_streets",
    "two_cues",
    "weight_map",
    "yuv_to_rgb",
]
