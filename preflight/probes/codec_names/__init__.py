"""Translate the names of codecs in each container, and of libmediainfo, into ffprobe's, in lower case.

Linear PCM is `pcm` and every ADPCM is `adpcm`: no service distinguishes their variants.
"""
