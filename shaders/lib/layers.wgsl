// The layers of a scene and how to read them. Twin: src/gpu/twin/layers.rs.
//
// A place in the world becomes a texel position with integers at texel centres;
// a layer covers the positions from -0.5 to dims - 0.5.

struct Layer {
    texel_from_world: mat4x4<f32>,
    // Texels along each axis; w is 1 if the layer is there, else 0.
    dims: vec4<f32>,
    // The box of texel cells that hold anything.
    occupied_low: vec4<f32>,
    occupied_high: vec4<f32>,
}

struct Overlay {
    segmentation_fill: f32,
    segmentation_outline: f32,
    boundary_opacity: f32,
    heatmap_opacity: f32,
    heat_scale: f32,
    mask_threshold: f32,
    // One of MASK_NONE to MASK_EITHER.
    mask_sign: u32,
    hatch_undecided: u32,
    player_count: u32,
    class_count: u32,
    selected_supervoxel: u32,
    hovered_supervoxel: u32,
    mask_fill: f32,
    mask_outline: f32,
    heat_of_error: u32,
    // Whether the mask holds only players whose interval does not reach zero.
    mask_certain: u32,
}

struct Scene {
    scan: Layer,
    segmentation: Layer,
    supervoxels: Layer,
    overlay: Overlay,
    // Texel values drawn as black and as white; then unused.
    window: vec4<f32>,
}

struct Player {
    value: f32,
    interval_half_width: f32,
    flags: u32,
    padding: u32,
}

const PLAYER_HAS_VALUE: u32 = 1u;
const PLAYER_HAS_INTERVAL: u32 = 2u;

// The values that a mask is cut from: none, those above zero, those below, or both.
const MASK_NONE: u32 = 0u;
const MASK_FOR: u32 = 1u;
const MASK_AGAINST: u32 = 2u;
const MASK_EITHER: u32 = 3u;

@group(0) @binding(0) var scan_texels: texture_3d<f32>;
@group(0) @binding(1) var scan_sampler: sampler;
@group(0) @binding(3) var segmentation_texels: texture_3d<u32>;
@group(0) @binding(4) var supervoxel_texels: texture_3d<u32>;
// The signed colour map from -1 to 1, the map of sizes from 0 to 1, then one colour and
// opacity a class.
@group(0) @binding(5) var<storage, read> palette: array<vec4<f32>>;
// The player of supervoxel id i is at i - 1.
@group(0) @binding(6) var<storage, read> players: array<Player>;

const HEAT_COLOURS: u32 = 256u;
const CLASS_COLOURS: u32 = 512u;

fn texel_at(layer: Layer, place: vec3<f32>) -> vec3<f32> {
    return (layer.texel_from_world * vec4<f32>(place, 1.0)).xyz;
}

fn texel_direction(layer: Layer, direction: vec3<f32>) -> vec3<f32> {
    return (layer.texel_from_world * vec4<f32>(direction, 0.0)).xyz;
}

// A gradient by texels, turned into the world.
fn world_gradient(layer: Layer, gradient: vec3<f32>) -> vec3<f32> {
    return (vec4<f32>(gradient, 0.0) * layer.texel_from_world).xyz;
}

fn inside(layer: Layer, texel: vec3<f32>) -> bool {
    return layer.dims.w > 0.0
        && all(texel >= vec3<f32>(-0.5))
        && all(texel < layer.dims.xyz - 0.5);
}

fn inside_texels(layer: Layer, texel: vec3<i32>) -> bool {
    return layer.dims.w > 0.0
        && all(texel >= vec3<i32>(0))
        && all(texel < vec3<i32>(layer.dims.xyz));
}

// Labels. Outside the layer every label is 0.

fn segmentation_label(texel: vec3<i32>) -> u32 {
    if !inside_texels(view.scene.segmentation, texel) {
        return 0u;
    }
    return textureLoad(segmentation_texels, texel, 0).x;
}

fn supervoxel_id(texel: vec3<i32>) -> u32 {
    if !inside_texels(view.scene.supervoxels, texel) {
        return 0u;
    }
    return textureLoad(supervoxel_texels, texel, 0).x;
}

fn nearest_texel(texel: vec3<f32>) -> vec3<i32> {
    return vec3<i32>(floor(texel + 0.5));
}

fn segmentation_label_at(place: vec3<f32>) -> u32 {
    return segmentation_label(nearest_texel(texel_at(view.scene.segmentation, place)));
}

fn supervoxel_id_at(place: vec3<f32>) -> u32 {
    return supervoxel_id(nearest_texel(texel_at(view.scene.supervoxels, place)));
}

// The scan.

fn scan_texel(texel: vec3<i32>) -> f32 {
    let last = vec3<i32>(view.scene.scan.dims.xyz) - 1;
    return textureLoad(scan_texels, clamp(texel, vec3<i32>(0), last), 0).x;
}

// Interpolated by the graphics hardware: fast, with weights of few bits on some.
fn scan_sampled(texel: vec3<f32>) -> f32 {
    let position = (texel + 0.5) / view.scene.scan.dims.xyz;
    return textureSampleLevel(scan_texels, scan_sampler, position, 0.0).x;
}

// Interpolated in full precision.
fn scan_interpolated(texel: vec3<f32>) -> f32 {
    let base = floor(texel);
    let f = texel - base;
    let b = vec3<i32>(base);
    let x00 = mix(scan_texel(b), scan_texel(b + vec3<i32>(1, 0, 0)), f.x);
    let x10 = mix(scan_texel(b + vec3<i32>(0, 1, 0)), scan_texel(b + vec3<i32>(1, 1, 0)), f.x);
    let x01 = mix(scan_texel(b + vec3<i32>(0, 0, 1)), scan_texel(b + vec3<i32>(1, 0, 1)), f.x);
    let x11 = mix(scan_texel(b + vec3<i32>(0, 1, 1)), scan_texel(b + vec3<i32>(1, 1, 1)), f.x);
    return mix(mix(x00, x10, f.y), mix(x01, x11, f.y), f.z);
}

// A texel value as a shade of grey, by the window.
fn windowed(value: f32) -> f32 {
    let width = view.scene.window.y - view.scene.window.x;
    if width == 0.0 {
        return select(0.0, 1.0, value >= view.scene.window.x);
    }
    return clamp((value - view.scene.window.x) / width, 0.0, 1.0);
}
