"""Tells whether an image, a video or a sound will be accepted by the service it is about to be sent to."""
