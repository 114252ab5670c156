"""Images of a simulation, drawn by software or a GPU, without a display."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import DriverError


class OffscreenCamera:
    """Draws a model from any of its cameras, at one size.

    It makes its own EGL context instead of taking the one that MuJoCo chooses when it is imported:
    that choice rests on an environment variable, and on Linux falls on a library that needs a
    display.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        """Prepare to draw.

        Args:
            model: what to draw.
            width, height: of the images [pixels].

        Raises:
            DriverError: no EGL here.
        """
        try:
            from mujoco.egl import GLContext

            self._context = GLContext(width, height)
        except (ImportError, AttributeError, RuntimeError) as error:
            raise DriverError(
                f'camera: got no EGL to draw with ({error}), expected one. Install it: '
                'apt-get install libegl1 libgl1-mesa-dri.'
            ) from error
        self._context.make_current()
        self._model = model
        self._size = (height, width)
        self._area = mujoco.MjrRect(0, 0, width, height)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        # Beyond the buffer that the scene asks for nothing is drawn, and MuJoCo does not say so.
        buffer = model.vis.global_
        buffer.offwidth = max(buffer.offwidth, width)
        buffer.offheight = max(buffer.offheight, height)
        self._drawing = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
        self._options = mujoco.MjvOption()

    def draw(self, data: mujoco.MjData, camera: str) -> NDArray[np.uint8]:
        """Return an RGB image, (height, width, 3), of what `camera` sees.

        Raises:
            DriverError: the model has no such camera.
        """
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if view.fixedcamid < 0:
            cameras = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise DriverError(f'camera: got {camera!r}, expected one of {", ".join(cameras)}.')
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, view, everything, self._scene
        )
        self._context.make_current()
        mujoco.mjr_render(self._area, self._scene, self._drawing)
        image = np.empty((*self._size, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(image, None, self._area, self._drawing)
        return np.flipud(image)

    def close(self) -> None:
        """Free what drawing has taken."""
        self._drawing.free()
        self._context.free()
