# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The Landsat 7 scene of Olinda that is shipped with the package."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from matplotlib.figure import Figure
from torchgeo.datasets import RasterDataset

from .plot import plot_rgb
from .sample import Sample


class Olinda(RasterDataset):
    """Landsat 7 scene of Olinda, on the coast of Brazil.

    Sea, city and forest in red, green, blue and near infrared: 352 x 349 pixels of
    28.5 m, 8-bit digital numbers, EPSG:31985. USGS, public domain; taken from the R
    package stars 0.6-0.
    """

    #: The scene, for anything that takes the path of a raster.
    path: ClassVar[Path] = Path(__file__).parent / 'data' / 'l7_olinda.tif'

    filename_glob = 'l7_olinda.tif'
    all_bands = ('red', 'green', 'blue', 'nir')
    rgb_bands = ('red', 'green', 'blue')

    def __init__(
        self,
        bands: Sequence[str] | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
    ) -> None:
        """Initialize a new Olinda instance.

        Args:
            bands: Bands to return (defaults to all bands).
            transforms: A function that takes an input sample and returns a
                transformed version.
        """
        super().__init__(self.path, bands=bands, transforms=transforms)

    def plot(
        self, sample: Sample, show_titles: bool = True, suptitle: str | None = None
    ) -> Figure:
        """Plot a sample from the dataset.

        Args:
            sample: A sample returned by :meth:`__getitem__`.
            show_titles: Whether to show titles above each panel.
            suptitle: Optional string to use as a suptitle.

        Returns:
            A figure with the true-colour image.

        Raises:
            RGBBandsMissingError: If *bands* does not include all RGB bands.
        """
        return plot_rgb(sample, self.bands, self.rgb_bands, show_titles, suptitle)
