"""The volume rendering beside VTK's: the same scan, transfer function, camera, step and
picture size, in the same run.

    python tests/bench/render_peers.py target/release/voxplain [--sides 256] \
        [--sizes 1280x720] [--frames 12] [--gpu]

Beside this program's processor path runs VTK's multithreaded CPU mapper
(vtkFixedPointVolumeRayCastMapper); with --gpu its GPU mapper runs beside the adapter.
Prints a table of medians and their ratios.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import vtk
from vtk.util.numpy_support import numpy_to_vtk

# Of src/cli/bench/render.rs: empty below, full above, extinction per mm, lit.
STYLES = {
    "sparse": (300.0, 700.0, 1.0, True),
    "surface": (200.0, 500.0, 0.9, True),
    "fog": (0.0, 900.0, 0.004, False),
}
WINDOW = (0.0, 900.0)
EXTENT_MM = 256.0


def image_of(values, spacing):
    # VTK's fixed-point mapper wants whole numbers; ours stores 16 bits as well.
    whole = numpy.ascontiguousarray(numpy.clip(values, 0, 65535).astype(numpy.uint16))
    image = vtk.vtkImageData()
    image.SetDimensions(*whole.shape[::-1])
    image.SetSpacing(spacing, spacing, spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(whole.ravel(), deep=True))
    return image


def property_of(scene):
    empty, full, density, is_lit = STYLES[scene]
    colour, opacity = vtk.vtkColorTransferFunction(), vtk.vtkPiecewiseFunction()
    low, high = WINDOW
    colour.AddRGBPoint(low, 0.42, 0.40, 0.42)
    colour.AddRGBPoint(high, 1.0, 0.97, 0.93)
    for n in range(256):
        value = low + (high - low) * n / 255
        share = min(max((value - empty) / (full - empty), 0.0), 1.0)
        opacity.AddPoint(value, 1.0 - math.exp(-share * density))
    made = vtk.vtkVolumeProperty()
    made.SetColor(colour)
    made.SetScalarOpacity(opacity)
    made.SetScalarOpacityUnitDistance(1.0)
    made.SetInterpolationTypeToLinear()
    if is_lit:
        made.ShadeOn()
    return made


def vtk_times(scene, values, size, frames, on_gpu, threads):
    spacing = EXTENT_MM / values.shape[0]
    if on_gpu:
        mapper = vtk.vtkGPUVolumeRayCastMapper()
    else:
        mapper = vtk.vtkFixedPointVolumeRayCastMapper()
        mapper.SetNumberOfThreads(threads)
    mapper.SetInputData(image_of(values, spacing))
    mapper.AutoAdjustSampleDistancesOff()
    if hasattr(mapper, "LockSampleDistanceToInputSpacingOff"):
        mapper.LockSampleDistanceToInputSpacingOff()
    mapper.SetSampleDistance(spacing)
    if not on_gpu:
        mapper.SetImageSampleDistance(1.0)
        mapper.SetInteractiveSampleDistance(spacing)
    volume = vtk.vtkVolume()
    volume.SetMapper(mapper)
    volume.SetProperty(property_of(scene))
    renderer = vtk.vtkRenderer()
    renderer.AddVolume(volume)
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    window.AddRenderer(renderer)

    middle = [(n - 1) * spacing / 2 for n in values.shape[::-1]]
    pitch, distance = math.radians(15), EXTENT_MM * 0.47 / math.sin(math.radians(15))
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*middle)
    camera.SetViewAngle(30)
    camera.SetViewUp(0, 0, 1)
    milliseconds = []
    for number in range(-1, frames):
        yaw = 2 * math.pi * max(number, 0) / frames
        toward = (math.cos(pitch) * math.sin(yaw), math.cos(pitch) * math.cos(yaw), math.sin(pitch))
        camera.SetPosition(*(m + distance * t for m, t in zip(middle, toward)))
        renderer.ResetCameraClippingRange()
        start = time.perf_counter()
        window.Render()
        if on_gpu:
            window.WaitForCompletion()
        if number >= 0:  # the first picture builds tables and gradients
            milliseconds.append(1e3 * (time.perf_counter() - start))
    return milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--sides", default="256")
    parser.add_argument("--sizes", default="1280x720")
    parser.add_argument("--scenes", default="sparse,surface,fog")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command = [options.program, "bench", "render", "--json"]
        command += ["--sides", options.sides, "--sizes", options.sizes]
        command += ["--scenes", options.scenes, "--frames", str(options.frames)]
        command += ["--save-scans", folder, "--threads", str(options.threads)]
        command += ["--drawn-by", "adapter" if options.gpu else "cpu"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        for measured in ours["measurements"]:
            scene, side = measured["scene"], measured["side"]
            values = numpy.load(f"{folder}/{scene}_{side}.npy")
            theirs = vtk_times(
                scene, values, measured["size_px"], options.frames, options.gpu, options.threads
            )
            median = statistics.median(theirs)
            rows.append(measured | {"vtk_median_ms": median, "ratio": median / measured["median_ms"]})
    if options.json:
        print(json.dumps({"vtk": vtk.VTK_VERSION, "measurements": rows}, indent=1))
        return
    print(f"{'scene':<8} {'side':>5} {'picture':>11} {'voxplain':>10} {'VTK':>10} {'VTK / voxplain':>15}")
    for row in rows:
        size = "x".join(map(str, row["size_px"]))
        print(
            f"{row['scene']:<8} {row['side']:>5} {size:>11} {row['median_ms']:>7.0f} ms"
            f" {row['vtk_median_ms']:>7.0f} ms {row['ratio']:>15.2f}"
        )


if __name__ == "__main__":
    main()
