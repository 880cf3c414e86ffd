//! The shaders as the device gets them: one text each, put together from the files in
//! `shaders/` when the program is built.

/// A shader's name and its whole text.
#[derive(Debug, Clone, Copy)]
pub struct Shader {
    pub name: &'static str,
    pub source: &'static str,
    pub fragment_entry: &'static str,
}

/// The vertex stage that every shader here has.
pub const VERTEX_ENTRY: &str = "fullscreen";

pub const SLICE: Shader = Shader {
    name: "slice",
    source: concat!(
        include_str!("../../shaders/lib/fullscreen.wgsl"),
        include_str!("../../shaders/lib/layers.wgsl"),
        include_str!("../../shaders/lib/overlay.wgsl"),
        include_str!("../../shaders/lib/plane_layers.wgsl"),
        include_str!("../../shaders/slice.wgsl"),
    ),
    fragment_entry: "slice",
};

pub const RAYCAST: Shader = Shader {
    name: "raycast",
    source: concat!(
        include_str!("../../shaders/lib/fullscreen.wgsl"),
        include_str!("../../shaders/lib/layers.wgsl"),
        include_str!("../../shaders/lib/overlay.wgsl"),
        include_str!("../../shaders/lib/rays.wgsl"),
        include_str!("../../shaders/lib/surfaces.wgsl"),
        include_str!("../../shaders/lib/matter.wgsl"),
        include_str!("../../shaders/lib/objects.wgsl"),
        include_str!("../../shaders/raycast.wgsl"),
    ),
    fragment_entry: "raycast",
};

/// A shader that computes rather than draws.
#[derive(Debug, Clone, Copy)]
pub struct ComputeShader {
    pub name: &'static str,
    pub source: &'static str,
}

pub const SUPERVOXELS: ComputeShader = ComputeShader {
    name: "supervoxels",
    source: include_str!("../../shaders/supervoxels.wgsl"),
};

/// The entry of every shader that computes.
pub const COMPUTE_ENTRY: &str = "assign";

pub const ALL: [Shader; 2] = [SLICE, RAYCAST];
