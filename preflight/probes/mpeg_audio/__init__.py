"""Readers for audio that consists of consecutive frames: MPEG layers I to III, AAC in ADTS and in LOAS."""
