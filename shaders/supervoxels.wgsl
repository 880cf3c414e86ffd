// Gives voxels to their nearest centres and adds up what each centre got: one round of
// SLIC. An invocation does a row of eight voxels, the width of a tile.
//
// Sums are whole numbers, so their order does not matter: two words each, the lower first.

const LANES: u32 = 8u;
const MOST_CHANNELS: u32 = 4u;
const NONE: u32 = 0xffffffffu;
const FARTHEST: f32 = 3.4e38;

struct Parameters {
    dims: vec3<u32>,
    stride: u32,
    spacing_mm: vec3<f32>,
    root_weight: f32,
    tile: vec3<u32>,
    channels: u32,
    boxes: vec3<u32>,
    // Of the first axis of the dispatch.
    workgroups: u32,
    box_edge_mm: f32,
    window_mm: f32,
    steps: f32,
    // Tiles along x.
    tiles_x: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
// Channel after channel.
@group(0) @binding(1) var<storage, read> features: array<f32>;
// A bit for each voxel.
@group(0) @binding(2) var<storage, read> inside: array<u32>;
// x, y, z in mm and the values of each centre.
@group(0) @binding(3) var<storage, read> centres: array<f32>;
// Where each box's labels start, where the last end, and then the labels.
@group(0) @binding(4) var<storage, read> boxes: array<u32>;
@group(0) @binding(5) var<storage, read_write> sums: array<atomic<u32>>;
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;

fn add(at: u32, amount: u32) {
    let before = atomicAdd(&sums[2u * at], amount);
    if before > NONE - amount {
        atomicAdd(&sums[2u * at + 1u], 1u);
    }
}

fn box_along(axis: u32, mm: f32) -> u32 {
    let last = parameters.boxes[axis] - 1u;
    return u32(clamp(mm / parameters.box_edge_mm, 0.0, f32(last)));
}

@compute @workgroup_size(64)
fn assign(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) own: u32,
) {
    let dims = parameters.dims;
    let row = (workgroup.y * parameters.workgroups + workgroup.x) * 64u + own;
    let rows = dims.y * dims.z;
    if row >= rows * parameters.tiles_x {
        return;
    }
    let place = vec3(
        (row % parameters.tiles_x) * LANES,
        (row / parameters.tiles_x) % dims.y,
        row / (parameters.tiles_x * dims.y),
    );
    if place.y % parameters.stride != 0u || place.z % parameters.stride != 0u {
        return;
    }
    let width = min(LANES, dims.x - place.x);
    let first = (place.z * dims.y + place.y) * dims.x + place.x;
    let voxels = dims.x * rows;
    let channels = min(parameters.channels, MOST_CHANNELS);

    // Nothing is nearer than minus this: voxels outside are never taken.
    var best: array<f32, 8>;
    var owner: array<u32, 8>;
    var block: array<array<f32, 8>, 4>;
    for (var lane = 0u; lane < LANES; lane++) {
        owner[lane] = NONE;
        best[lane] = -FARTHEST;
        if lane < width {
            let voxel = first + lane;
            if (inside[voxel / 32u] >> (voxel % 32u) & 1u) == 1u {
                best[lane] = FARTHEST;
            }
            for (var channel = 0u; channel < channels; channel++) {
                block[channel][lane] = features[channel * voxels + voxel];
            }
        }
    }

    let start = place / parameters.tile * parameters.tile;
    let end = min(start + parameters.tile, dims);
    let low = vec3<f32>(start) * parameters.spacing_mm;
    let high = vec3<f32>(end - vec3(1u)) * parameters.spacing_mm;
    let root = parameters.root_weight;
    let here = vec3<f32>(place) * parameters.spacing_mm * root;
    let window = parameters.window_mm;
    let across = parameters.boxes;
    let first_label = across.x * across.y * across.z + 1u;
    let width_of_centre = 3u + parameters.channels;

    let from_z = box_along(2u, low.z - 1.0001 * window);
    let to_z = box_along(2u, high.z + 1.0001 * window);
    let from_y = box_along(1u, low.y - 1.0001 * window);
    let to_y = box_along(1u, high.y + 1.0001 * window);
    let from_x = box_along(0u, low.x - 1.0001 * window);
    let to_x = box_along(0u, high.x + 1.0001 * window);
    for (var z = from_z; z <= to_z; z++) {
        for (var y = from_y; y <= to_y; y++) {
            let line = across.x * (y + across.y * z);
            let from_label = boxes[line + from_x];
            let to_label = boxes[line + to_x + 1u];
            for (var at = from_label; at < to_label; at++) {
                let label = boxes[first_label + at];
                let data = label * width_of_centre;
                let centre = vec3(centres[data], centres[data + 1u], centres[data + 2u]);
                let gap = max(max(low - centre, centre - high), vec3(0.0));
                if any(gap > vec3(window)) {
                    continue;
                }
                let weighted = centre * root;
                let dy = here.y - weighted.y;
                let dz = here.z - weighted.z;
                let off_axis = dy * dy + dz * dz;
                for (var lane = 0u; lane < LANES; lane++) {
                    let dx = f32(place.x + lane) * parameters.spacing_mm.x * root - weighted.x;
                    var distance = off_axis + dx * dx;
                    for (var channel = 0u; channel < channels; channel++) {
                        let unlike = block[channel][lane] - centres[data + 3u + channel];
                        distance += unlike * unlike;
                    }
                    if distance < best[lane] {
                        best[lane] = distance;
                        owner[lane] = label;
                    }
                }
            }
        }
    }

    // Voxels side by side with one owner are added together.
    let width_of_sums = 4u + parameters.channels;
    var lane = 0u;
    while lane < width {
        let label = owner[lane];
        var after = lane + 1u;
        while after < width && owner[after] == label {
            after++;
        }
        if label != NONE {
            let count = after - lane;
            let to = label * width_of_sums;
            add(to, count);
            // x of the first and last, times half their number.
            add(to + 1u, (2u * place.x + lane + after - 1u) * count / 2u);
            add(to + 2u, place.y * count);
            add(to + 3u, place.z * count);
            for (var channel = 0u; channel < channels; channel++) {
                var steps = 0u;
                for (var i = lane; i < after; i++) {
                    // Values are whole steps from −1 on.
                    steps += u32(i32(block[channel][i] * parameters.steps) + i32(parameters.steps));
                }
                add(to + 4u + channel, steps);
            }
        }
        for (var i = lane; i < after; i++) {
            labels[first + i] = label;
        }
        lane = after;
    }
}
