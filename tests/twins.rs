//! The shaders against their CPU twins, and both against scenes whose pictures are
//! known.

use std::sync::OnceLock;

use glam::{DAffine3, DMat3, DVec2, DVec3};
use voxplain::base::colour::Rgb;
use voxplain::base::{Grid, WorldBox};
use voxplain::gpu::transfer::{Compositing, TransferTable};
use voxplain::gpu::twin::{self, TwinScene};
use voxplain::gpu::{
    Camera, ClassStyle, ClipPlane, CrosshairView, Cutaway, EvidenceSign, GpuContext, Interpolation,
    LabelSlot, LabelStyle, MaskCut, OverlayStyle, Picture, PlaneLayers, PlayerSample, Quality,
    RaycastPass, RaycastView, RegionView, ScanStyle, Scene, SliceLayer, SlicePass, SliceView,
    Target, Tier, Window, capture,
};
use voxplain::volume::{LabelMap, Volume, Voxels};

#[path = "support/adapter.rs"]
mod adapter;

/// One device serves all tests: opening one takes a while.
fn device() -> Option<&'static GpuContext> {
    static DEVICE: OnceLock<Result<GpuContext, String>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| GpuContext::headless().map_err(|error| error.to_string()));
    adapter::needed(device.as_ref().map_err(Clone::clone))
}

/// Layers of a scene, for the device and for the twin alike.
struct Study {
    scan: Volume,
    segmentation: LabelMap,
    supervoxels: LabelMap,
    classes: Vec<ClassStyle>,
    players: Vec<PlayerSample>,
    second_scan: Volume,
    labels: [LabelMap; 3],
}

impl Study {
    fn twin(&self) -> TwinScene {
        let mut scene = TwinScene::new();
        scene.set_scan(Some(&self.scan));
        scene.set_segmentation(Some(&self.segmentation));
        scene.set_supervoxels(Some(&self.supervoxels));
        scene.set_classes(&self.classes);
        scene.set_players(&self.players);
        scene.set_second_scan(Some(&self.second_scan));
        for (slot, map) in LabelSlot::ALL.into_iter().zip(&self.labels) {
            scene.set_labels(slot, Some(map));
            scene.set_label_colours(slot, &self.classes);
        }
        scene
    }

    fn scene(&self, gpu: &GpuContext) -> Scene {
        let mut scene = Scene::new(gpu).unwrap();
        scene.set_scan(Some(&self.scan)).unwrap();
        scene.set_segmentation(Some(&self.segmentation)).unwrap();
        scene.set_supervoxels(Some(&self.supervoxels)).unwrap();
        scene.set_classes(&self.classes).unwrap();
        scene.update_players(&self.players).unwrap();
        scene.set_second_scan(Some(&self.second_scan)).unwrap();
        for (slot, map) in LabelSlot::ALL.into_iter().zip(&self.labels) {
            scene.set_labels(slot, Some(map)).unwrap();
            scene.set_label_colours(slot, &self.classes).unwrap();
        }
        scene
    }
}

/// A smooth blob with two classes and eight supervoxels in it, on a grid that is
/// anisotropic, oblique, and stored from right to left.
fn blob() -> Study {
    let turn = DMat3::from_rotation_z(0.3) * DMat3::from_rotation_x(-0.2);
    let world_from_voxel = DAffine3 {
        matrix3: turn * DMat3::from_diagonal(DVec3::new(-1.0, 1.2, 2.0)),
        translation: DVec3::new(30.0, -10.0, 5.0),
    };
    let dims = [31, 27, 17];
    let grid = Grid::new(dims, world_from_voxel).unwrap();
    let middle = grid.center_mm();
    let from_middle = |index| grid.world(grid.position(index).map(|v| v as f64)) - middle;
    let voxels = 0..grid.voxel_count();
    let values = voxels
        .clone()
        .map(|i| 1000.0 * (-from_middle(i).length_squared() / 90.0).exp());
    let labels = voxels.clone().map(|i| {
        let d = from_middle(i);
        if d.length() > 7.0 {
            0
        } else {
            1 + u16::from(d.x > 1.0)
        }
    });
    let ids = voxels.clone().map(|i| {
        let d = from_middle(i);
        if d.abs().max_element() > 9.0 {
            return 0;
        }
        // Larger than 255, so that ids need 16 bits.
        1 + u16::from(d.x > 0.5) + 2 * u16::from(d.y > 0.2) + 300 * u16::from(d.z > -0.4)
    });
    let mut players = vec![PlayerSample::default(); 304];
    for (n, id) in [1, 2, 3, 4, 301, 302, 303, 304].into_iter().enumerate() {
        players[id - 1].value = Some(n as f32 * 0.25 - 0.8);
        players[id - 1].interval_half_width = Some(0.1 + 0.1 * (n % 3) as f32);
    }
    players[0].value = None;
    let class = |rgb, opacity| ClassStyle {
        colour: Rgb(rgb),
        opacity,
        visible: true,
    };
    Study {
        scan: Volume::new(
            grid,
            Voxels::F32(values.map(|v| v as f32).collect()),
            (1.0, -100.0),
            "blob",
        )
        .unwrap(),
        segmentation: LabelMap::new(grid, labels.collect()).unwrap(),
        supervoxels: LabelMap::new(grid, ids.collect()).unwrap(),
        classes: vec![
            class([0; 3], 0.0),
            class([230, 159, 0], 1.0),
            class([0, 158, 115], 0.6),
        ],
        players,
        second_scan: second_scan(),
        labels: [1, 2, 3].map(label_ball),
    }
}

/// A ramp on a grid of its own, which covers a part of the blob's.
fn second_scan() -> Volume {
    let world_from_voxel = DAffine3 {
        matrix3: DMat3::from_rotation_y(0.4) * DMat3::from_diagonal(DVec3::new(1.7, 0.9, 1.3)),
        translation: DVec3::new(8.0, -8.0, 6.0),
    };
    let grid = Grid::new([12, 19, 14], world_from_voxel).unwrap();
    let values = (0..grid.voxel_count()).map(|index| {
        let [x, y, z] = grid.position(index);
        (10 * x + 3 * y + (z % 3) * 20) as f32
    });
    Volume::new(grid, Voxels::F32(values.collect()), (1.0, 0.0), "ramp").unwrap()
}

/// Two labels in a ball, on a grid that is coarser the larger the number.
fn label_ball(number: u16) -> LabelMap {
    let n = f64::from(number);
    let world_from_voxel = DAffine3 {
        matrix3: DMat3::from_rotation_x(0.2 * n) * (1.0 + 0.3 * n),
        translation: DVec3::new(4.0, -4.0, 8.0 + n),
    };
    let grid = Grid::new([14, 15, 16], world_from_voxel).unwrap();
    let middle = grid.center_mm();
    let labels = (0..grid.voxel_count()).map(|index| {
        let d = grid.world(grid.position(index).map(|v| v as f64)) - middle;
        if d.length() > 6.0 + n {
            0
        } else {
            1 + u16::from(d.z > 0.0)
        }
    });
    LabelMap::new(grid, labels.collect()).unwrap()
}

/// All layers that slices alone show, each in another style.
fn plane_layers() -> PlaneLayers {
    let style = |fill, outline, dash_px| LabelStyle {
        fill,
        outline,
        dash_px,
    };
    PlaneLayers {
        labels: [
            style(0.0, 1.0, 6.0),
            style(0.4, 0.8, 0.0),
            style(0.3, 0.0, 0.0),
        ],
        order: [
            SliceLayer::Mask,
            SliceLayer::Labels(LabelSlot::Kept),
            SliceLayer::Segmentation,
            SliceLayer::SecondScan,
            SliceLayer::Labels(LabelSlot::Removed),
            SliceLayer::Heatmap,
            SliceLayer::Labels(LabelSlot::Reference),
            SliceLayer::Supervoxels,
        ],
        second_scan_opacity: 0.6,
        second_scan_window: Window {
            low: 10.0,
            high: 150.0,
        },
    }
}

const WINDOW: Window = Window {
    low: -50.0,
    high: 800.0,
};

fn slice_of(grid: &Grid) -> SliceView {
    SliceView {
        center_mm: grid.center_mm(),
        right: DVec3::NEG_X,
        up: DVec3::Z,
        mm_per_pixel: 0.4,
        size_px: [120, 96],
        window: WINDOW,
        interpolation: Interpolation::Linear,
        overlay: OverlayStyle {
            mask: Some(MaskCut::above(0.3)),
            ..OverlayStyle::default()
        },
        layers: PlaneLayers::default(),
        region: Some(WorldBox {
            min: (grid.center_mm() - 8.0).to_array(),
            max: (grid.center_mm() + 9.5).to_array(),
        }),
        dim_outside_region: 0.5,
        background: Rgb([10, 20, 30]),
    }
}

fn volume_of(grid: &Grid) -> RaycastView {
    let quality = Quality::at_rest(Tier::Full, grid);
    let mut view = RaycastView::of(grid, WINDOW, [96, 80], quality);
    view.overlay.mask = Some(MaskCut::above(0.3));
    view.overlay.segmentation_fill = 0.4;
    view.camera.distance_mm = 90.0;
    view
}

/// Compares pictures: all but `allowed` pixels differ by at most 2 of 255.
fn assert_alike(name: &str, gpu: &Picture, twin: &Picture, allowed: usize) {
    assert_eq!(gpu.size_px, twin.size_px);
    let differing = gpu
        .rgba
        .chunks_exact(4)
        .zip(twin.rgba.chunks_exact(4))
        .filter(|(a, b)| a.iter().zip(*b).any(|(&a, &b)| a.abs_diff(b) > 2))
        .count();
    println!(
        "{name}: {differing} of {} pixels differ",
        gpu.rgba.len() / 4
    );
    assert!(
        differing <= allowed,
        "{name}: {differing} pixels differ by more than 2 of 255"
    );
    let first = twin.rgba.get(..4);
    assert!(
        twin.rgba.chunks(4).any(|pixel| Some(pixel) != first),
        "{name}: nothing was drawn"
    );
}

/// Where an id or a class changes exactly at a pixel, device and CPU may round to
/// different sides. Such pixels lie on edges and are few: one in 200.
const EDGE_SHARE: usize = 200;

#[test]
fn slices_match_their_twin() {
    let Some(gpu) = device() else { return };
    let study = blob();
    let (scene, twin_scene) = (study.scene(gpu), study.twin());
    let pass = SlicePass::new(gpu).unwrap();
    let base = slice_of(study.scan.grid());
    let turned = DMat3::from_rotation_y(0.7) * DMat3::from_rotation_x(0.4);
    let views = [
        ("linear", base),
        (
            "nearest",
            SliceView {
                interpolation: Interpolation::Nearest,
                ..base
            },
        ),
        (
            "cubic",
            SliceView {
                interpolation: Interpolation::Cubic,
                mm_per_pixel: 0.2,
                ..base
            },
        ),
        (
            "all layers",
            SliceView {
                layers: plane_layers(),
                overlay: OverlayStyle {
                    mask_fill: 0.3,
                    mask_outline: 0.5,
                    heat_shows_error: true,
                    ..base.overlay
                },
                ..base
            },
        ),
        (
            "oblique",
            SliceView {
                right: turned.x_axis,
                up: turned.y_axis,
                ..base
            },
        ),
        (
            "picked",
            SliceView {
                overlay: OverlayStyle {
                    selected_supervoxel: Some(303),
                    hovered_supervoxel: Some(2),
                    segmentation_outline: 0.0,
                    mask: Some(MaskCut {
                        sign: EvidenceSign::Either,
                        threshold: 0.2,
                        certain: true,
                    }),
                    hatch_undecided: false,
                    ..base.overlay
                },
                region: None,
                mm_per_pixel: 0.15,
                ..base
            },
        ),
    ];
    for (name, view) in views {
        let target = Target::new(gpu, view.size_px).unwrap();
        pass.draw(gpu, &scene, &view, &target);
        let drawn = capture(gpu, &target).unwrap();
        let pixels = drawn.rgba.len() / 4;
        let twin = twin::render_slice(&twin_scene, &view);
        assert_alike(name, &drawn, &twin, pixels / EDGE_SHARE);
    }
    assert_eq!(gpu.health().errors, Vec::<String>::new());
}

#[test]
fn volumes_match_their_twin() {
    let Some(gpu) = device() else { return };
    let study = blob();
    let (mut scene, mut twin_scene) = (study.scene(gpu), study.twin());
    let pass = RaycastPass::new(gpu).unwrap();
    let base = volume_of(study.scan.grid());
    let center = study.scan.grid().center_mm();
    let region = RegionView {
        bounds: WorldBox {
            min: (center - 6.0).to_array(),
            max: (center + 7.0).to_array(),
        },
        clip_scan: false,
        line_opacity: 0.8,
    };
    let (glass, solid) = (
        ScanStyle::glass(WINDOW).table(),
        ScanStyle::solid(WINDOW).table(),
    );
    let projection = |compositing| {
        let mut table = ScanStyle::solid(WINDOW).table();
        table.compositing = compositing;
        table
    };
    let cut = Cutaway::toward(&base.camera, center, [true, false, true]);
    let nothing = OverlayStyle {
        heatmap_opacity: 0.0,
        segmentation_fill: 0.0,
        ..base.overlay
    };
    let views = [
        (
            "glass",
            glass,
            RaycastView {
                region: Some(region),
                ..base
            },
        ),
        (
            "solid",
            solid,
            RaycastView {
                overlay: nothing,
                ..base
            },
        ),
        (
            "cut open, with a crosshair",
            solid,
            RaycastView {
                cutaway: Some(cut),
                crosshair: Some(CrosshairView {
                    point_mm: center,
                    reach_mm: 20.0,
                    opacity: 0.9,
                }),
                ..base
            },
        ),
        (
            "region only",
            solid,
            RaycastView {
                region: Some(RegionView {
                    clip_scan: true,
                    ..region
                }),
                overlay: nothing,
                ..base
            },
        ),
        (
            "parallel, haze, selected",
            glass,
            RaycastView {
                camera: Camera {
                    orthographic: true,
                    ..base.camera
                },
                overlay: OverlayStyle {
                    mask: Some(MaskCut {
                        sign: EvidenceSign::Against,
                        threshold: 0.1,
                        certain: false,
                    }),
                    selected_supervoxel: Some(4),
                    ..base.overlay
                },
                ..base
            },
        ),
        (
            "cropped and clipped, tinted, mask as a shell, fifth of several",
            solid,
            RaycastView {
                crop: Some(region.bounds),
                clip_planes: [
                    None,
                    Some(ClipPlane {
                        point_mm: center,
                        normal: DVec3::new(0.6, 0.8, 0.0),
                    }),
                    None,
                ],
                tint: 0.7,
                shell: 1.0,
                frame: 4,
                overlay: OverlayStyle {
                    segmentation_fill: 0.0,
                    ..base.overlay
                },
                ..base
            },
        ),
        (
            "largest values",
            projection(Compositing::Maximum),
            RaycastView {
                overlay: nothing,
                ..base
            },
        ),
        (
            "smallest values",
            projection(Compositing::Minimum),
            RaycastView {
                overlay: nothing,
                ..base
            },
        ),
    ];
    for (name, table, view) in views {
        scene.set_transfer(&table).unwrap();
        twin_scene.set_transfer(&table);
        let target = Target::new(gpu, view.size_px).unwrap();
        pass.draw(gpu, &scene, &view, &target);
        let drawn = capture(gpu, &target).unwrap();
        let pixels = drawn.rgba.len() / 4;
        let (twin, work) = twin::render_raycast_counted(&twin_scene, &view);
        assert_alike(name, &drawn, &twin, pixels / EDGE_SHARE);

        // The shader counts its work as the twin does.
        pass.draw_work(gpu, &scene, &view, &target);
        let counts = capture(gpu, &target).unwrap();
        let samples: u64 = counts
            .rgba
            .chunks_exact(4)
            .map(|count| u64::from(count[0]) + 256 * u64::from(count[1]))
            .sum();
        let off = samples.abs_diff(work.samples) as f64 / work.samples as f64;
        assert!(off < 0.01, "{name}: {samples} {work:?}");
    }
    assert_eq!(gpu.health().errors, Vec::<String>::new());
}

#[test]
fn leaps_and_long_steps_spare_samples_and_leave_the_picture() {
    // A shell of 2 mm in a cube of 96 mm.
    let side = 96;
    let grid = Grid::new([side; 3], DAffine3::IDENTITY).unwrap();
    let middle = grid.center_mm();
    let values = (0..grid.voxel_count()).map(|i| {
        let d = grid
            .world(grid.position(i).map(|v| v as f64))
            .distance(middle);
        (1000.0 * (1.0 - (d - 30.0).abs() / 2.0)).max(0.0) as f32
    });
    let scan = Volume::new(grid, Voxels::F32(values.collect()), (1.0, 0.0), "shell").unwrap();
    let window = Window {
        low: 0.0,
        high: 1000.0,
    };
    let style = ScanStyle {
        empty_below: 100.0,
        full_above: 900.0,
        density_per_mm: 0.2,
        lit: false,
        ..ScanStyle::solid(window)
    };
    let mut scene = TwinScene::new();
    scene.set_scan(Some(&scan));
    scene.set_transfer(&style.table());
    assert!(scene.empty_share() > 0.6, "{}", scene.empty_share());
    let mut view = RaycastView::of(&grid, window, [60, 60], Quality::at_rest(Tier::Full, &grid));
    view.background = [Rgb([0; 3]); 2];
    let (leaping, work) = twin::render_raycast_counted(&scene, &view);
    // The same with next to nothing everywhere: no block is empty.
    let mut table = style.table();
    for entry in &mut table.entries {
        entry[3] = entry[3].max(1e-6);
    }
    scene.set_transfer(&table);
    let (plodding, all) = twin::render_raycast_counted(&scene, &view);
    assert_eq!(scene.empty_share(), 0.0);
    assert!(all.samples > 2 * work.samples, "{work:?} {all:?}");
    assert!(work.spared > work.samples && work.leaps > 0, "{work:?}");
    assert_alike("leaping", &leaping, &plodding, 0);
}

#[test]
fn looking_uploads_nothing_and_a_tick_a_few_kilobytes() {
    let Some(gpu) = device() else { return };
    let study = blob();
    let mut scene = study.scene(gpu);
    let pass = SlicePass::new(gpu).unwrap();
    let target = Target::new(gpu, [64, 64]).unwrap();
    let before = scene.uploaded_bytes();
    let mut view = slice_of(study.scan.grid());
    pass.draw(gpu, &scene, &view, &target);
    view.window.low += 10.0;
    view.overlay.mask = Some(MaskCut::above(0.1));
    pass.draw(gpu, &scene, &view, &target);
    assert_eq!(scene.uploaded_bytes(), before);
    scene.update_players(&study.players).unwrap();
    assert_eq!(
        scene.uploaded_bytes() - before,
        16 * study.players.len() as u64
    );
    let before = scene.uploaded_bytes();
    let table = ScanStyle::solid(WINDOW).table();
    scene.set_transfer(&table).unwrap();
    let sent = scene.uploaded_bytes() - before;
    assert!((8 << 10..10 << 10).contains(&sent), "{sent}");
    scene.set_transfer(&table).unwrap();
    assert_eq!(scene.uploaded_bytes() - before, sent);
}

#[test]
fn an_empty_scene_draws_its_background() {
    let grid = Grid::new([4, 4, 4], DAffine3::IDENTITY).unwrap();
    let slice = SliceView {
        region: None,
        ..slice_of(&grid)
    };
    let slice = twin::render_slice(&TwinScene::new(), &slice);
    assert!(
        slice
            .rgba
            .chunks_exact(4)
            .all(|pixel| pixel == [10, 20, 30, 255])
    );
    let view = RaycastView {
        background: [Rgb([40, 50, 60]); 2],
        ..volume_of(&grid)
    };
    let volume = twin::render_raycast(&TwinScene::new(), &view);
    assert!(
        volume
            .rgba
            .chunks_exact(4)
            .all(|pixel| pixel == [40, 50, 60, 255])
    );
    let Some(gpu) = device() else { return };
    let target = Target::new(gpu, view.size_px).unwrap();
    RaycastPass::new(gpu)
        .unwrap()
        .draw(gpu, &Scene::new(gpu).unwrap(), &view, &target);
    assert_eq!(capture(gpu, &target).unwrap(), volume);
}

/// A cube of 40 mm of one value, with a line of another so that there is a range.
fn fog() -> TwinScene {
    let world_from_voxel = DAffine3::from_translation(DVec3::splat(-19.5));
    let grid = Grid::new([40, 40, 40], world_from_voxel).unwrap();
    let mut values = vec![1.0_f32; grid.voxel_count()];
    values[0] = 0.0;
    let scan = Volume::new(grid, Voxels::F32(values), (1.0, 0.0), "fog").unwrap();
    let mut scene = TwinScene::new();
    scene.set_scan(Some(&scan));
    scene
}

const UNIT: Window = Window {
    low: 0.0,
    high: 1.0,
};

/// Straight from the front, flat and black behind.
fn straight(grid: &Grid, size_px: [u32; 2], step_mm: f64) -> RaycastView {
    let base = RaycastView::of(grid, UNIT, size_px, Quality::at_rest(Tier::Full, grid));
    RaycastView {
        camera: Camera {
            yaw: 0.0,
            pitch: 0.0,
            orthographic: true,
            target_mm: DVec3::ZERO,
            distance_mm: 100.0,
            ..Camera::default()
        },
        step_mm,
        background: [Rgb([0; 3]); 2],
        ..base
    }
}

fn flat(density_per_mm: f32) -> TransferTable {
    ScanStyle {
        window: UNIT,
        empty_below: 0.0,
        full_above: 1.0,
        density_per_mm,
        edge_emphasis: 0.0,
        lit: false,
    }
    .table()
}

#[test]
fn fog_dims_as_beer_and_lambert_say() {
    let mut scene = fog();
    scene.set_transfer(&flat(0.03));
    let grid = Grid::new([40, 40, 40], DAffine3::IDENTITY).unwrap();
    // The middle rays cross 40 mm, at any step and from any start of the steps.
    let expected = 255.0 * (1.0 - (-0.03 * 40.0_f64).exp());
    for step_mm in [0.25, 1.0, 3.7] {
        for frame in [0, 1, 2] {
            let view = RaycastView {
                frame,
                ..straight(&grid, [9, 9], step_mm)
            };
            let picture = twin::render_raycast(&scene, &view);
            for x in 3..6 {
                let red = f64::from(picture.rgb(x, 4).unwrap()[0]);
                assert!((red - expected).abs() < 0.01 * expected, "{red} {expected}");
            }
        }
    }
    // A crop to a quarter of the depth.
    let view = RaycastView {
        crop: Some(WorldBox {
            min: [-20.0, 0.0, -20.0],
            max: [20.0, 10.0, 20.0],
        }),
        ..straight(&grid, [9, 9], 0.7)
    };
    let red = f64::from(twin::render_raycast(&scene, &view).rgb(3, 3).unwrap()[0]);
    // The face that the crop opens is a grey slice: opaque, and white at a value of 1.
    assert!((red - 255.0 * 0.94).abs() < 2.0, "{red}");
}

#[test]
fn a_ball_and_a_plane_match_their_closed_forms() {
    // Values fall from the middle out, so that isosurfaces are balls; density is the same
    // wherever the value is above one half: inside a radius of 20 mm.
    let world_from_voxel = DAffine3::from_translation(DVec3::splat(-29.5));
    let grid = Grid::new([60; 3], world_from_voxel).unwrap();
    let place = |i| grid.world(grid.position(i).map(|v| v as f64));
    let scene = |value: &dyn Fn(DVec3) -> f64| {
        let values = (0..grid.voxel_count()).map(|i| value(place(i)).clamp(0.0, 1.0) as f32);
        let scan = Volume::new(grid, Voxels::F32(values.collect()), (1.0, 0.0), "form").unwrap();
        let mut scene = TwinScene::new();
        scene.set_scan(Some(&scan));
        let mut table = flat(0.0);
        for (index, entry) in table.entries.iter_mut().enumerate() {
            *entry = [
                1.0,
                1.0,
                1.0,
                if index >= 128 {
                    1.0 - (-0.05_f32).exp()
                } else {
                    0.0
                },
            ];
        }
        scene.set_transfer(&table);
        scene
    };
    let view = straight(&grid, [81, 81], 0.5);
    let mm_per_pixel = 2.0 * view.camera.half_height_mm() / 81.0;
    let ball = twin::render_raycast(&scene(&|p| 1.0 - p.length() / 40.0), &view);
    let plane = twin::render_raycast(&scene(&|p| 0.5 + p.y / 60.0), &view);
    for x in [40, 41, 42, 43] {
        let off_mm = (f64::from(x) - 40.0) * mm_per_pixel;
        let chord = 2.0 * (400.0 - off_mm * off_mm).max(0.0).sqrt();
        let expected = 255.0 * (1.0 - (-0.05 * chord).exp());
        let red = f64::from(ball.rgb(x, 40).unwrap()[0]);
        assert!(
            (red - expected).abs() < 0.01 * 255.0,
            "{x}: {red} {expected}"
        );
    }
    let expected = 255.0 * (1.0 - (-0.05 * 30.0_f64).exp());
    let red = f64::from(plane.rgb(40, 40).unwrap()[0]);
    assert!((red - expected).abs() < 0.01 * 255.0, "{red} {expected}");
}

#[test]
fn voxels_lie_half_a_voxel_around_their_centres_in_the_volume() {
    // Two voxels of 10 mm, the right one (at +5 mm) full: matter from 0 to 10 mm in x,
    // as the value crosses one half at 0.
    let world_from_voxel = DAffine3::from_translation(DVec3::new(-5.0, 0.0, 0.0))
        * DAffine3::from_scale(DVec3::splat(10.0));
    let grid = Grid::new([2, 1, 1], world_from_voxel).unwrap();
    let scan = Volume::new(grid, Voxels::U8(vec![0, 255]), (1.0 / 255.0, 0.0), "two").unwrap();
    let mut table = flat(0.0);
    for (index, entry) in table.entries.iter_mut().enumerate() {
        *entry = [1.0, 1.0, 1.0, if index >= 128 { 0.99 } else { 0.0 }];
    }
    let mut view = straight(&grid, [101, 101], 0.5);
    view.camera.distance_mm = 50.0;
    let mm_per_pixel = 2.0 * view.camera.half_height_mm() / 101.0;
    let check = |picture: &Picture| {
        let lit: Vec<f64> = (0..101)
            .filter(|&x| picture.rgb(x, 50).unwrap()[0] > 127)
            .map(|x| (50.0 - f64::from(x)) * mm_per_pixel)
            .collect();
        // From the front the patient's right is on the left: x falls along the row.
        let (high, low) = (lit[0], lit[lit.len() - 1]);
        assert!(
            (high - 10.0).abs() < mm_per_pixel && low.abs() < mm_per_pixel,
            "{low} {high}"
        );
    };
    let mut scene = TwinScene::new();
    scene.set_scan(Some(&scan));
    scene.set_transfer(&table);
    check(&twin::render_raycast(&scene, &view));
    let Some(gpu) = device() else { return };
    let mut scene = Scene::new(gpu).unwrap();
    scene.set_scan(Some(&scan)).unwrap();
    scene.set_transfer(&table).unwrap();
    let target = Target::new(gpu, view.size_px).unwrap();
    RaycastPass::new(gpu)
        .unwrap()
        .draw(gpu, &scene, &view, &target);
    check(&capture(gpu, &target).unwrap());
}

#[test]
fn a_solid_is_picked_on_its_face() {
    let grid = Grid::new([40, 40, 40], DAffine3::IDENTITY).unwrap();
    let mut scene = fog();
    let style = ScanStyle {
        density_per_mm: 8.0,
        ..ScanStyle::solid(UNIT)
    };
    scene.set_transfer(&style.table());
    let view = RaycastView {
        camera: Camera {
            yaw: 0.0,
            pitch: 0.0,
            ..Camera::default()
        },
        step_mm: 0.1,
        ..RaycastView::of(&grid, UNIT, [64, 64], Quality::at_rest(Tier::Full, &grid))
    };
    let picked = twin::pick(&scene, &view, DVec2::new(32.0, 32.0)).unwrap();
    assert!(picked.distance(DVec3::Y * 20.0) < 0.3, "{picked}");
    assert_eq!(twin::pick(&scene, &view, DVec2::ZERO), None);
}

/// Two voxels of 10 mm along x, centred at 0 and 10 mm.
fn two_voxels() -> Study {
    let world_from_voxel = DAffine3::from_scale(DVec3::splat(10.0));
    let grid = Grid::new([2, 1, 1], world_from_voxel).unwrap();
    let class = |rgb| ClassStyle {
        colour: Rgb(rgb),
        opacity: 1.0,
        visible: true,
    };
    Study {
        scan: Volume::new(grid, Voxels::U8(vec![0, 255]), (1.0, 0.0), "two").unwrap(),
        segmentation: LabelMap::new(grid, vec![0, 1]).unwrap(),
        supervoxels: LabelMap::new(grid, vec![1, 2]).unwrap(),
        classes: vec![class([0; 3]), class([255, 0, 0])],
        players: vec![PlayerSample::default(); 2],
        second_scan: Volume::new(grid, Voxels::U8(vec![255, 0]), (1.0, 0.0), "other").unwrap(),
        labels: [[1, 0], [0, 1], [1, 1]].map(|l| LabelMap::new(grid, l.to_vec()).unwrap()),
    }
}

/// A picture of 30 pixels of 1 mm, whose pixel `n` is centred at `n - 9.5` mm.
fn ruler(overlay: OverlayStyle) -> SliceView {
    SliceView {
        center_mm: DVec3::new(5.0, 0.0, 0.0),
        right: DVec3::X,
        up: DVec3::Z,
        mm_per_pixel: 1.0,
        size_px: [30, 1],
        window: Window {
            low: 0.0,
            high: 255.0,
        },
        interpolation: Interpolation::Linear,
        overlay,
        region: None,
        layers: PlaneLayers::default(),
        dim_outside_region: 0.0,
        background: Rgb([9, 9, 9]),
    }
}

#[test]
fn voxels_lie_half_a_voxel_around_their_centres() {
    let mut study = two_voxels();
    study.classes.clear();
    let overlay = OverlayStyle {
        boundary_opacity: 0.0,
        ..OverlayStyle::default()
    };
    let view = ruler(overlay);
    let row = twin::render_slice(&study.twin(), &view);
    let grey = |x| row.rgb(x, 0).unwrap()[0];
    // The image begins at -5 mm and ends at 15 mm.
    assert_eq!([grey(4), grey(5), grey(24), grey(25)], [9, 0, 255, 9]);
    // Between the centres at 0 and 10 mm the value rises evenly: 2.5 mm is a quarter.
    assert_eq!([grey(9), grey(12), grey(17), grey(20)], [0, 64, 191, 255]);
    let nearest = SliceView {
        interpolation: Interpolation::Nearest,
        ..view
    };
    let row = twin::render_slice(&study.twin(), &nearest);
    assert_eq!([14, 15].map(|x| row.rgb(x, 0).unwrap()[0]), [0, 255]);
    let Some(gpu) = device() else { return };
    let target = Target::new(gpu, view.size_px).unwrap();
    SlicePass::new(gpu)
        .unwrap()
        .draw(gpu, &study.scene(gpu), &nearest, &target);
    assert_eq!(capture(gpu, &target).unwrap(), row);
}

#[test]
fn lines_lie_where_ids_change_at_any_zoom() {
    let mut study = two_voxels();
    study.classes.clear();
    let overlay = OverlayStyle {
        boundary_opacity: 1.0,
        ..OverlayStyle::default()
    };
    for mm_per_pixel in [1.0, 0.25, 0.05] {
        let view = SliceView {
            mm_per_pixel,
            interpolation: Interpolation::Nearest,
            size_px: [40, 1],
            ..ruler(overlay)
        };
        let row = twin::render_slice(&study.twin(), &view);
        // Ids change at 5 mm, between pixels 19 and 20 in the middle of the picture.
        let lines: Vec<u32> = (13..27)
            .filter(|&x| ![0, 255].contains(&row.rgb(x, 0).unwrap()[0]))
            .collect();
        assert_eq!(lines, [19, 20], "at {mm_per_pixel} mm a pixel");
    }
}

#[test]
fn unknown_players_are_not_drawn_and_undecided_ones_are_hatched() {
    let mut study = two_voxels();
    study.classes.clear();
    let overlay = OverlayStyle {
        boundary_opacity: 0.0,
        heatmap_opacity: 1.0,
        ..OverlayStyle::default()
    };
    let view = SliceView {
        interpolation: Interpolation::Nearest,
        ..ruler(overlay)
    };
    let plain = twin::render_slice(&study.twin(), &view);
    assert_eq!(plain.rgb(18, 0), Some([255; 3]));
    let mut draw = |interval_half_width| {
        study.players[1] = PlayerSample {
            value: Some(-1.0),
            interval_half_width,
        };
        let row = twin::render_slice(&study.twin(), &view);
        (16..23)
            .map(|x| row.rgb(x, 0).unwrap())
            .collect::<std::collections::BTreeSet<_>>()
    };
    // Blue throughout when decided; two shades of it when not.
    let decided = draw(Some(0.1));
    assert_eq!(decided.len(), 1);
    assert!(decided.iter().all(|rgb| rgb[2] > rgb[0]), "{decided:?}");
    assert_eq!(draw(Some(1.2)).len(), 2);
    assert_eq!(draw(None).len(), 2);
}
