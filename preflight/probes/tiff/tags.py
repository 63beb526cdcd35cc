"""List the numbers of TIFF: the tags that readers need, and the values by which cameras mark sensor data.

TIFF 6.0; TIFF/EP (ISO 12234-2); DNG 1.7; the codings of makers as ExifTool and LibRaw list them.
"""

from __future__ import annotations

from typing import Final

SUBFILE_TYPE: Final = 254
WIDTH: Final = 256
HEIGHT: Final = 257
COMPRESSION: Final = 259
PHOTOMETRIC: Final = 262
MAKE: Final = 271
STRIP_OFFSETS: Final = 273
ORIENTATION: Final = 274
STRIP_LENGTHS: Final = 279
TILE_OFFSETS: Final = 324
TILE_LENGTHS: Final = 325
SUB_IFDS: Final = 330
EXTRA_SAMPLES: Final = 338
SAMPLE_FORMAT: Final = 339
CFA_REPEAT: Final = 33421
CFA_PATTERN: Final = 33422
EXIF_IFD: Final = 34665
EP_STANDARD_ID: Final = 37398
EXIF_WIDTH: Final = 40962
EXIF_HEIGHT: Final = 40963
DNG_VERSION: Final = 50706
SR2_PRIVATE: Final = 50740
"""Sony's, in IFD0; the number is also DNGPrivateData."""

SENSOR_PHOTOMETRICS: Final = frozenset((32803, 34892))
"""PhotometricInterpretation of sensor data: CFA, LinearRaw (TIFF/EP; DNG 1.7)."""

RAW_COMPRESSIONS: Final = {
    32767: "arw",
    32770: "srw",
    32772: "srw",
    32867: "kdc",
    34713: "nef",
    65000: "dcr",
    65535: "pef",
}
"""Raw compressions that only one maker uses, and its format."""

CANON_MARKS: Final = (b"CR\2\0", b"CR\3\0")
"""Marks after the header of Canon's CR2."""
CANON_1D_MARK: Final = b"\xba\xb0\xac\xbb"
"""The same for the EOS-1D, whose raw files are named .tif."""
PHASE_ONE_MARKS: Final = (b"IIII", b"MMMM")
"""The same for Phase One and Leaf; `Raw` and a letter follow, as a number in that byte order."""

NEEDED: Final = frozenset(
    (
        *(SUBFILE_TYPE, WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, MAKE, STRIP_OFFSETS, ORIENTATION, STRIP_LENGTHS),
        *(TILE_OFFSETS, TILE_LENGTHS, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT, CFA_REPEAT, CFA_PATTERN, EXIF_IFD),
        *(EP_STANDARD_ID, EXIF_WIDTH, EXIF_HEIGHT, DNG_VERSION, SR2_PRIVATE),
    )
)
"""The tags of a directory that readers need."""
