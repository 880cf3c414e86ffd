//! Every shader parses and validates, and its uniform blocks lie in memory as the
//! program's structs do.

use std::mem::{offset_of, size_of};

use naga::valid::{Capabilities, ValidationFlags, Validator};
use voxplain::gpu::matter::MatterUniform;
use voxplain::gpu::plane_layers::{LabelLayerUniform, SecondScanUniform, SliceUniform};
use voxplain::gpu::shaders::{self, Shader};
use voxplain::gpu::supervoxels::SupervoxelUniform;
use voxplain::gpu::tables::PlayerEntry;
use voxplain::gpu::uniform::{LayerUniform, OverlayUniform, RaycastUniform, SceneUniform};
use voxplain::model::swin_unetr::device::{
    Precision, attention, images, measure, network, norm, product, program,
};

fn module(shader: &Shader) -> naga::Module {
    naga::front::wgsl::parse_str(shader.source).unwrap_or_else(|error| {
        panic!(
            "{}",
            error.emit_to_string_with_path(shader.source, shader.name)
        )
    })
}

#[test]
fn every_shader_is_valid() {
    assert!(!shaders::ALL.is_empty());
    for shader in shaders::ALL {
        let module = module(&shader);
        // No capabilities: what every device can run.
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
        if let Err(error) = validator.validate(&module) {
            panic!(
                "{}",
                error.emit_to_string_with_path(shader.source, shader.name)
            );
        }
        for entry in [shaders::VERTEX_ENTRY, shader.fragment_entry] {
            assert!(
                module.entry_points.iter().any(|e| e.name == entry),
                "{entry}"
            );
        }
    }
}

#[test]
fn the_shader_of_supervoxels_is_valid() {
    let shader = shaders::SUPERVOXELS;
    let module = naga::front::wgsl::parse_str(shader.source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(shader.source)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    if let Err(error) = validator.validate(&module) {
        panic!("{}", error.emit_to_string(shader.source));
    }
    let entries: Vec<&str> = module.entry_points.iter().map(|e| &*e.name).collect();
    assert_eq!(entries, [shaders::COMPUTE_ENTRY]);
    let uniform = module.global_variables.iter().find_map(|(_, variable)| {
        let block = &module.types[variable.ty];
        match block.inner {
            naga::TypeInner::Struct { span, .. } => Some(span),
            _ => None,
        }
    });
    assert_eq!(uniform, Some(size_of::<SupervoxelUniform>() as u32));
}

#[test]
fn every_shader_file_is_part_of_a_shader() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files = 0;
    for folder in [folder.clone(), folder.join("lib")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(
                    shaders::ALL.iter().any(|s| s.source.contains(&text))
                        || shaders::SUPERVOXELS.source == text,
                    "{path:?}"
                );
                files += 1;
            }
        }
    }
    assert_eq!(files, 11);
}

/// Every kernel of the network, in both precisions.
#[test]
fn every_kernel_is_valid() {
    let mut names = std::collections::BTreeSet::new();
    for (precision, capabilities) in [
        (Precision::Single, Capabilities::empty()),
        (Precision::Half, Capabilities::SHADER_FLOAT16),
    ] {
        for variant in program::variants(precision) {
            names.insert(variant.name());
            let source = variant.wgsl();
            let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| {
                panic!(
                    "{}",
                    error.emit_to_string_with_path(&source, variant.name())
                )
            });
            let mut validator = Validator::new(ValidationFlags::all(), capabilities);
            if let Err(error) = validator.validate(&module) {
                panic!(
                    "{}",
                    error.emit_to_string_with_path(&source, variant.name())
                );
            }
            let entry = &module.entry_points[0];
            assert_eq!(entry.name, "main");
            assert!(entry.workgroup_size.iter().product::<u32>() <= 256);
            let shared: u32 = module
                .global_variables
                .iter()
                .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
                .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
                .sum();
            assert!(
                shared <= 16 << 10,
                "{} shares {shared} bytes",
                variant.name()
            );
        }
    }
    let files =
        std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders/network"));
    // One file is what the others share.
    assert_eq!(files.unwrap().count(), names.len() + 1);
}

/// The parameters of kernels lie in memory as the program's structs do.
#[test]
fn kernel_parameters_agree_with_the_shaders() {
    fn of_shader(program: &str, wgsl: &str) -> (usize, Vec<(String, usize)>) {
        let variants = program::variants(Precision::Single);
        let variant = variants.iter().find(|v| v.name() == program).unwrap();
        let module = naga::front::wgsl::parse_str(&variant.wgsl()).unwrap();
        let (size, members) = layout(&module, wgsl);
        let used = |(name, _): &(String, usize)| !name.starts_with("unused");
        (size, members.into_iter().filter(used).collect())
    }
    macro_rules! check {
        ($program:literal, $wgsl:literal, $rust:ty, [$($field:ident),* $(,)?]) => {
            let (size, members) = of_shader($program, $wgsl);
            assert_eq!(size, size_of::<$rust>(), "size of {}", $wgsl);
            let expected = vec![$((stringify!($field).to_owned(), offset_of!($rust, $field))),*];
            assert_eq!(members, expected, "members of {}", $wgsl);
        };
    }
    check!(
        "head",
        "Head",
        network::HeadParameters,
        [voxels, channel_quads, images]
    );
    check!(
        "attention",
        "Attention",
        attention::AttentionParameters,
        [
            dims,
            heads,
            window,
            tokens_per_window,
            shift,
            blocks,
            counts,
            score_scale
        ]
    );
    check!(
        "measure",
        "Measure",
        measure::MeasureParameters,
        [voxels, classes, chunks, softmax, classes_per_chunk]
    );
    check!(
        "product",
        "Product",
        product::ProductParameters,
        [
            input_dims,
            first_quads,
            row_dims,
            second_quads,
            column_quads,
            inner_quads,
            quads_per_split,
            splits,
            rows_per_image,
            tiles_per_image,
            images,
            stride,
            flags,
            first_tile,
            places
        ]
    );
    check!(
        "sum_splits",
        "Splits",
        product::SplitParameters,
        [splits, count, column_quads, flags]
    );
    check!(
        "window",
        "Window",
        images::WindowParameters,
        [
            image_dims,
            channels,
            window_dims,
            channel_quads,
            start,
            number,
            masked,
            image,
            channel_stride
        ]
    );
    check!(
        "stitch",
        "Stitch",
        images::StitchParameters,
        [image_dims, classes, window_dims, number, start]
    );
    check!(
        "blend",
        "Blend",
        images::BlendParameters,
        [padded_dims, classes, image_dims, before]
    );
    check!("clear", "Clear", images::ClearParameters, [count]);
    check!(
        "row_norm",
        "RowNorm",
        norm::RowNormParameters,
        [
            input_dims,
            channel_quads,
            row_dims,
            rows,
            stride,
            place_count,
            normalise,
            places
        ]
    );
    check!(
        "channel_parts",
        "ChannelParts",
        norm::ChannelPartsParameters,
        [
            voxels,
            channel_quads,
            columns,
            lanes,
            voxels_per_part,
            parts
        ]
    );
    check!(
        "channel_norm",
        "ChannelNorm",
        norm::ChannelNormParameters,
        [voxels, channel_quads, voxels_per_part, parts]
    );
    check!(
        "residual",
        "Residual",
        norm::ResidualParameters,
        [quads_per_image, channel_quads, count, shortcut_norm]
    );
}

/// Size and members (name, offset) of a WGSL struct.
fn layout(module: &naga::Module, name: &str) -> (usize, Vec<(String, usize)>) {
    let found = module.types.iter().find_map(|(_, ty)| match &ty.inner {
        naga::TypeInner::Struct { members, span } if ty.name.as_deref() == Some(name) => Some((
            *span as usize,
            members
                .iter()
                .map(|m| (m.name.clone().unwrap(), m.offset as usize))
                .collect(),
        )),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no struct {name}"))
}

/// Compares a Rust struct with a WGSL struct, member by member.
macro_rules! assert_same_layout {
    ($module:expr, $wgsl:literal, $rust:ty, [$($field:ident),* $(,)?]) => {
        let (size, members) = layout($module, $wgsl);
        assert_eq!(size, size_of::<$rust>(), "size of {}", $wgsl);
        let expected = vec![$((stringify!($field).to_owned(), offset_of!($rust, $field))),*];
        assert_eq!(members, expected, "members of {}", $wgsl);
    };
}

#[test]
fn uniform_blocks_agree_with_the_shaders() {
    for shader in shaders::ALL {
        let module = &module(&shader);
        assert_same_layout!(
            module,
            "Layer",
            LayerUniform,
            [texel_from_world, dims, occupied_low, occupied_high,]
        );
        assert_same_layout!(
            module,
            "Overlay",
            OverlayUniform,
            [
                segmentation_fill,
                segmentation_outline,
                boundary_opacity,
                heatmap_opacity,
                heat_scale,
                mask_threshold,
                mask_sign,
                hatch_undecided,
                player_count,
                class_count,
                selected_supervoxel,
                hovered_supervoxel,
                mask_fill,
                mask_outline,
                heat_of_error,
                mask_certain,
            ]
        );
        assert_same_layout!(
            module,
            "Scene",
            SceneUniform,
            [scan, segmentation, supervoxels, overlay, window,]
        );
        assert_same_layout!(
            module,
            "Player",
            PlayerEntry,
            [value, interval_half_width, flags, padding,]
        );
    }
    assert_same_layout!(
        &module(&shaders::SLICE),
        "SliceView",
        SliceUniform,
        [
            scene,
            center,
            right_step,
            down_step,
            background,
            region_low,
            region_high,
            size_px,
            interpolate,
            dim_outside_region,
            labels,
            second_scan,
            order,
        ]
    );
    assert_same_layout!(
        &module(&shaders::SLICE),
        "LabelLayer",
        LabelLayerUniform,
        [
            layer,
            fill,
            outline,
            dash_px,
            slot,
            first_colour,
            colour_count,
            unused,
        ]
    );
    assert_same_layout!(
        &module(&shaders::SLICE),
        "SecondScan",
        SecondScanUniform,
        [layer, window]
    );
    let module = module(&shaders::RAYCAST);
    let (size, members) = layout(&module, "RaycastView");
    assert_eq!(size, size_of::<RaycastUniform>());
    macro_rules! offsets {
        ($($field:ident),* $(,)?) => {
            vec![$((stringify!($field).to_owned(), offset_of!(RaycastUniform, $field))),*]
        };
    }
    let expected = offsets![
        scene,
        eye,
        forward,
        right,
        up,
        light,
        background_top,
        background_bottom,
        region_low,
        region_high,
        crop_low,
        crop_high,
        clip_planes,
        cut_point,
        cut_normals,
        crosshair,
        size_px,
        pixel_shift,
        step_mm,
        step_shift,
        pixel_mm,
        haze_per_mm,
        face_clear,
        face_full,
        tint,
        shell,
        crosshair_reach,
        orthographic,
        max_steps,
        report_work,
    ];
    let without_padding: Vec<_> = members
        .into_iter()
        .filter(|(name, _)| !name.starts_with("padding"))
        .collect();
    assert_eq!(without_padding, expected);

    let (size, members) = layout(&module, "Matter");
    assert_eq!(size, size_of::<MatterUniform>());
    macro_rules! matter {
        ($($field:ident),* $(,)?) => {
            vec![$((stringify!($field).to_owned(), offset_of!(MatterUniform, $field))),*]
        };
    }
    let without_padding: Vec<_> = members
        .into_iter()
        .filter(|(name, _)| !name.starts_with("padding"))
        .collect();
    let expected = matter![
        low,
        scale,
        compositing,
        lit,
        edge_emphasis,
        largest_extinction,
        entries,
        sums,
    ];
    assert_eq!(without_padding, expected);
}
