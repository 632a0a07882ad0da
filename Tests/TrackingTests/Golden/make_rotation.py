"""rotation.txt: planes turned by scikit-image, whose convention ELEPHANT's augmentation follows.

Run in an environment with numpy and scikit-image. One block per case: a line "width height degrees", the plane,
a line "width height" of the turned plane, its values by linear and by nearest interpolation.
"""
import numpy as np
from skimage.transform import rotate

rng = np.random.default_rng(5)
with open("rotation.txt", "w") as out:
    def plane(values):
        out.write(" ".join(f"{v:.9g}" for v in values.ravel()) + "\n")

    for width, height, degrees in [(7, 5, 33), (6, 6, -90), (9, 4, 7), (5, 8, 180), (8, 7, -141)]:
        image = rng.random((height, width)).astype(np.float64)
        linear = rotate(image, degrees, resize=True, order=1, mode="constant", cval=0)
        nearest = rotate(image, degrees, resize=True, order=0, mode="constant", cval=0)
        out.write(f"{width} {height} {degrees}\n")
        plane(image)
        out.write(f"{linear.shape[1]} {linear.shape[0]}\n")
        plane(linear)
        plane(nearest)
