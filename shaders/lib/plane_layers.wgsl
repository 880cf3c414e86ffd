// Layers that slices alone show: label maps beside the segmentation, and a second scan.
// Twin: src/gpu/twin/plane_layers.rs.

// As `order` of a plane names them; the label maps follow each other.
const SECOND_SCAN_LAYER: u32 = 0u;
const FIRST_LABEL_LAYER: u32 = 5u;

struct LabelLayer {
    layer: Layer,
    // Opacities of areas and outlines.
    fill: f32,
    outline: f32,
    // Length of a dash with its gap, in pixels; 0 for an unbroken line.
    dash_px: f32,
    // Which of the textures below.
    slot: u32,
    first_colour: u32,
    colour_count: u32,
    unused: vec2<u32>,
}

struct SecondScan {
    layer: Layer,
    // Texel values drawn as black and as white; opacity; then unused.
    window: vec4<f32>,
}

@group(0) @binding(20) var reference_texels: texture_3d<u32>;
@group(0) @binding(21) var kept_texels: texture_3d<u32>;
@group(0) @binding(22) var removed_texels: texture_3d<u32>;
@group(0) @binding(23) var second_scan_texels: texture_3d<f32>;
// Colour and opacity of each label of each of the label maps.
@group(0) @binding(24) var<storage, read> label_colours: array<vec4<f32>>;

// Label maps.

fn plane_label(map: LabelLayer, place: vec3<f32>) -> u32 {
    let texel = nearest_texel(texel_at(map.layer, place));
    if !inside_texels(map.layer, texel) {
        return 0u;
    }
    switch map.slot {
        case 0u: {
            return textureLoad(reference_texels, texel, 0).x;
        }
        case 1u: {
            return textureLoad(kept_texels, texel, 0).x;
        }
        default: {
            return textureLoad(removed_texels, texel, 0).x;
        }
    }
}

fn plane_label_colour(map: LabelLayer, label: u32) -> vec4<f32> {
    if label == 0u || label >= map.colour_count {
        return vec4<f32>(0.0);
    }
    return label_colours[map.first_colour + label];
}

fn with_label_map(
    base: vec3<f32>,
    map: LabelLayer,
    place: vec3<f32>,
    right_step: vec3<f32>,
    down_step: vec3<f32>,
    pixel: vec2<f32>,
) -> vec3<f32> {
    if !is_near(map.layer, place, right_step, down_step) {
        return base;
    }
    let label = plane_label(map, place);
    let here = plane_label_colour(map, label);
    let c = mix(base, here.rgb, here.a * map.fill);
    if map.outline <= 0.0 {
        return c;
    }
    var line = vec4<f32>(here.rgb, 0.0);
    for (var neighbour = 0u; neighbour < 8u; neighbour++) {
        let other = plane_label(map, place + offset(neighbour, right_step, down_step));
        if other == label {
            continue;
        }
        let beyond = plane_label_colour(map, other);
        let strength = select(0.5, 1.0, neighbour < 4u) * max(here.a, beyond.a);
        if here.a == 0.0 && strength > line.a {
            line = vec4<f32>(beyond.rgb, line.a);
        }
        line.a = max(line.a, strength);
    }
    return mix(c, line.rgb, line.a * map.outline * dash(map.dash_px, pixel));
}

// Whether a pixel of a line is in a dash or in a gap. Squares of a chequered pattern cut
// lines of every direction.
fn dash(dash_px: f32, pixel: vec2<f32>) -> f32 {
    if dash_px <= 0.0 {
        return 1.0;
    }
    let square = fract(pixel / dash_px) < vec2<f32>(0.5);
    return select(0.0, 1.0, square.x == square.y);
}

// The second scan.

fn second_scan_texel(map: SecondScan, texel: vec3<i32>) -> f32 {
    let last = vec3<i32>(map.layer.dims.xyz) - 1;
    return textureLoad(second_scan_texels, clamp(texel, vec3<i32>(0), last), 0).x;
}

fn with_second_scan(base: vec3<f32>, map: SecondScan, place: vec3<f32>) -> vec3<f32> {
    let texel = texel_at(map.layer, place);
    if !inside(map.layer, texel) {
        return base;
    }
    let low = floor(texel);
    let f = texel - low;
    let b = vec3<i32>(low);
    var value = 0.0;
    for (var corner = 0; corner < 8; corner++) {
        let step = vec3<i32>(corner & 1, (corner >> 1u) & 1, corner >> 2u);
        let weights = select(1.0 - f, f, step == vec3<i32>(1));
        value += weights.x * weights.y * weights.z * second_scan_texel(map, b + step);
    }
    let grey = clamp((value - map.window.x) / max(map.window.y - map.window.x, 1e-9), 0.0, 1.0);
    return mix(base, vec3<f32>(grey), map.window.z);
}
