"""Readers for audio that is nothing but frames one after another: MPEG layers I to III, AAC in ADTS and in LOAS."""
