// The scan's matter: its colour and extinction by the transfer function, and its empty
// blocks. Twin: src/gpu/twin/matter.rs.

struct Matter {
    // Texel value of the first entry, and entries per unit of texel value.
    low: f32,
    scale: f32,
    // 0 front to back, 1 largest value, 2 smallest value.
    compositing: u32,
    lit: u32,
    edge_emphasis: f32,
    largest_extinction: f32,
    padding_a: f32,
    padding_b: f32,
    // Straight colour and extinction per mm.
    entries: array<vec4<f32>, 256>,
    // Colour times extinction, and extinction, summed from the first entry to this one.
    sums: array<vec4<f32>, 256>,
}

@group(2) @binding(0) var<uniform> matter: Matter;
// A block of 8 texels cubed: 0 matter, 255 calm matter, else the distance in blocks to
// the next that is not empty; and its largest value in 255ths.
@group(2) @binding(1) var scan_cells: texture_3d<u32>;

const LAST_ENTRY: f32 = 255.0;
const FRONT_TO_BACK: u32 = 0u;
const MAXIMUM: u32 = 1u;
const CALM: u32 = 255u;
// Light and shade of what gives a pixel less than this are not worth their cost.
const SHOWS: f32 = 0.002;

// The place of a texel value among the entries.
fn entry_position(value: f32) -> f32 {
    return (value - matter.low) * matter.scale;
}

fn emission(index: u32) -> vec4<f32> {
    let entry = matter.entries[index];
    return vec4<f32>(entry.rgb * entry.a, entry.a);
}

fn entry_at(position: f32) -> vec4<f32> {
    let p = clamp(position, 0.0, LAST_ENTRY);
    let first = min(u32(p), 254u);
    return mix(matter.entries[first], matter.entries[first + 1u], p - f32(first));
}

fn emission_at(position: f32) -> vec4<f32> {
    let p = clamp(position, 0.0, LAST_ENTRY);
    let first = min(u32(p), 254u);
    return mix(emission(first), emission(first + 1u), p - f32(first));
}

fn emission_sum(position: f32) -> vec4<f32> {
    let p = clamp(position, 0.0, LAST_ENTRY);
    let first = min(u32(p), 254u);
    let f = p - f32(first);
    let a = emission(first);
    let rise = emission(first + 1u) - a;
    return matter.sums[first] + a * f + rise * (0.5 * f * f) + (a + rise * f) * (position - p);
}

// Mean of colour times extinction, and of extinction, between two samples, if the value
// changes evenly from one to the other (pre-integration, Engel et al. 2001): steps then
// leave no rings on surfaces.
fn mean_emission(before: f32, here: f32) -> vec4<f32> {
    let rise = here - before;
    if abs(rise) < 1.0 {
        return emission_at(0.5 * (here + before));
    }
    return max((emission_sum(here) - emission_sum(before)) / rise, vec4<f32>(0.0));
}

// Colour and opacity of a stretch of matter that ends at a texel position. `hidden` is
// the opacity of what is in front of it, `tint` the colour of the class there and its
// strength.
fn scan_matter(
    texel: vec3<f32>,
    before: f32,
    here: f32,
    length_mm: f32,
    hidden: f32,
    tint: vec4<f32>,
    direction: vec3<f32>,
) -> vec4<f32> {
    let mean = mean_emission(before, here);
    if mean.a <= 0.0 {
        return vec4<f32>(0.0);
    }
    let colour = mix(mean.rgb / mean.a, tint.rgb, tint.a);
    let opacity = 1.0 - exp(-mean.a * length_mm);
    let shows = opacity * (1.0 - hidden) > SHOWS;
    if !shows || (matter.lit == 0u && matter.edge_emphasis == 0.0) {
        return vec4<f32>(colour, opacity);
    }
    var gradient = vec3<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let d = tetrahedron(i);
        gradient += d * scan_sampled(texel + d * 0.75);
    }
    let steepness = length(gradient) * matter.scale / (3.0 * LAST_ENTRY);
    let normal = facing(-world_gradient(view.scene.scan, gradient), -direction);
    let grazing = 1.0 - abs(dot(normal, direction));
    let edge = smoothstep(0.02, 0.30, steepness) * (0.06 + 0.94 * grazing * grazing);
    let thinned = mean.a * mix(1.0, edge, matter.edge_emphasis);
    let glass = mix(colour, vec3<f32>(0.62, 0.74, 0.90), 0.65 * matter.edge_emphasis);
    if matter.lit == 0u {
        return vec4<f32>(glass, 1.0 - exp(-thinned * length_mm));
    }
    let shaded = lit(glass, normal, -direction, 0.16);
    let shaped = mix(glass, shaded, smoothstep(0.0, 0.06, steepness));
    return vec4<f32>(shaped, 1.0 - exp(-thinned * length_mm));
}

// The block that a texel position is in.
fn cell_of(texel: vec3<f32>) -> vec3<f32> {
    let last = vec3<f32>(textureDimensions(scan_cells)) - 1.0;
    return clamp(floor((texel + 0.5) / BRICK), vec3<f32>(0.0), last);
}

// What a projection shows of the value it has found, if it has found one.
fn projected(value: f32) -> vec4<f32> {
    let entry = entry_at(entry_position(value));
    return vec4<f32>(entry.rgb, min(4.0 * entry.a / max(matter.largest_extinction, 1e-6), 1.0));
}
