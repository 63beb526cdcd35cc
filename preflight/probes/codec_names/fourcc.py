"""What the four-character codes of Video for Windows are called: AVI's, and Matroska's V_MS/VFW/FOURCC.

Sources: Microsoft's registry of 2000 and what encoders write since. Case does not matter.
"""

from __future__ import annotations

from typing import Final

_CODES: Final = {
    "asv1": "ASV1",
    "asv2": "ASV2",
    "av1": "AV01",
    "avs2": "AVS2",
    "ayuv": "AYUV",
    "cfhd": "CFHD",
    "cinepak": "CVID",
    "dirac": "DRAC",
    "dnxhd": "AVDH AVDN",
    "dvvideo": "DVSD DVHD DVSL DV25 DV50 DVC  DVCP DVIS CDVC",
    "ffv1": "FFV1",
    "ffvhuff": "FFVH",
    "flv1": "FLV1",
    "fraps": "FPS1",
    "h261": "H261",
    "h263": "H263 U263 VIVO X263 S263 I263 M263 L263",
    "h264": "H264 X264 AVC1 DAVC VSSH Q264 SMV2",
    "hap": "HAP1 HAP5 HAPA HAPM HAPY",
    "hevc": "HEVC H265 HEV1 HVC1",
    "huffyuv": "HFYU",
    "indeo2": "RT21",
    "indeo3": "IV31 IV32",
    "indeo4": "IV41",
    "indeo5": "IV50",
    "jpeg2000": "MJ2C LJ2C LJ2K IPJ2 MJP2",
    "jpegls": "MJLS",
    "lagarith": "LAGS",
    "magicyuv": "MAGY M8RG M8RA M8G0 M8Y0 M8Y2 M8Y4",
    "mjpeg": "MJPG AVRN JPEG MJPA ACDV QIVG SLMJ CJPG AVDJ DMB1",
    "mpeg1video": "MPG1 PIM1 MPEG",
    "mpeg2video": "MPG2 MP2V M2V1 EM2V MMES HDV2",
    "mpeg4": "FMP4 DIVX DX50 XVID MP4S M4S2 MP4V 3IV2 BLZ0 RMP4 SEDG SMP4 UMP4 WV1F XVIX DM4V M4CC HDX4 QMP4 SIPP XVIZ"
    " DXGM DVX1 DVX2 DIV1 PM4V NDIG UDIV",
    "msmpeg4v1": "MPG4 MP41",
    "msmpeg4v2": "MP42 DIV2",
    "msmpeg4v3": "MP43 DIV3 DIV4 DIV5 DIV6 MPG3 AP41 COL1 COL0 DVX3 SAN3",
    "msrle": "MRLE",
    "msvideo1": "MSVC CRAM WHAM",
    "png": "MPNG PNG1 PNG ",
    "prores": "APCH APCN APCS APCO AP4H AP4X",
    "qtrle": "RLE ",
    "r210": "R210",
    "rawvideo": "RGB  RAW  DIB  I420 IYUV YV12 YUY2 YUYV UYVY YVYU Y800 Y422 HDYC NV12 NV21 YVU9",
    "rpza": "RPZA AZPR",
    "smc": "SMC ",
    "snow": "SNOW",
    "speedhq": "SHQ0 SHQ1 SHQ2 SHQ3 SHQ4 SHQ5 SHQ7 SHQ9",
    "svq1": "SVQ1",
    "svq3": "SVQ3",
    "targa": "TGA ",
    "theora": "THEO",
    "tscc": "TSCC",
    "utvideo": "ULRG ULRA ULY0 ULY2 ULY4 ULH0 ULH2 ULH4 UQY2 UQRG UQRA",
    "v210": "V210",
    "v308": "V308",
    "v408": "V408",
    "v410": "V410",
    "vc1": "WVC1 WMVA",
    "vp3": "VP31 VP30",
    "vp5": "VP50",
    "vp6": "VP60 VP61 VP62 VP6F",
    "vp8": "VP80",
    "vp9": "VP90",
    "vvc": "VVC1",
    "wmv1": "WMV1",
    "wmv2": "WMV2",
    "wmv3": "WMV3",
    "y41p": "Y41P",
    "zlib": "ZLIB",
    "zmbv": "ZMBV",
}
_BY_CODE: Final = {codes[at : at + 4]: name for name, codes in _CODES.items() for at in range(0, len(codes), 5)}
_NUMBERS: Final = {0: "rawvideo", 1: "msrle", 2: "msrle", 3: "rawvideo"}
"""biCompression of a BITMAPINFOHEADER where it is a number: BI_RGB, BI_RLE8, BI_RLE4, BI_BITFIELDS."""


def video_codec(code: bytes) -> str | None:
    """The codec that four bytes of `biCompression` or `fccHandler` stand for."""
    return _NUMBERS.get(int.from_bytes(code, "little")) or _BY_CODE.get(code.decode("latin-1").upper())
