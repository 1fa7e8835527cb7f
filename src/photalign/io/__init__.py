"""Read and write image files without losing a bit.

PNG (8 and 16 bits), JPEG, TIFF (integers and floats, any number of channels, every
common compression) and ``.npy``. The suffix of the name chooses the format. What comes
out of `read_image` are the values in the file, as the array type in the file.
"""

from photalign.io.errors import ImageFileError as ImageFileError
from photalign.io.images import check_image_output as check_image_output
from photalign.io.images import read_image as read_image
from photalign.io.images import write_image as write_image
from photalign.io.masks import read_mask as read_mask
from photalign.io.replacing import check_output as check_output
from photalign.io.replacing import replacing as replacing
