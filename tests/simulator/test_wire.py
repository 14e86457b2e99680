"""Frames as a server writes them."""

import pytest

from msray.simulator import wire


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_say_their_length(length: int) -> None:
    from websockets.frames import Frame, Opcode

    frame = wire.text_frame(b"x" * length)

    assert frame == Frame(Opcode.TEXT, b"x" * length).serialize(mask=False)
