// Mean and sum of squared deviations of each channel over a part of an image's voxels.
//
// Parts are short, so that no sum grows long in single precision; channel_norm.wgsl puts
// them together.

const THREADS = 256u;

struct ChannelParts {
    voxels: u32,
    channel_quads: u32,
    // Vectors of channels that a workgroup looks at, and threads for each.
    columns: u32,
    lanes: u32,
    voxels_per_part: u32,
    parts: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<storage, read_write> source: array<Stored>;
// Images × parts × vectors of channels × (mean, sum of squared deviations).
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> parts: ChannelParts;

var<workgroup> shares: array<vec4<f32>, THREADS>;

// The sum of what the threads of a column give.
fn column_sum(index: u32, share: vec4<f32>) -> vec4<f32> {
    shares[index] = share;
    workgroupBarrier();
    let lane = index / parts.columns;
    var count = parts.lanes;
    for (; count > 1u;) {
        let half = (count + 1u) / 2u;
        if lane < count - half {
            shares[index] += shares[index + half * parts.columns];
        }
        workgroupBarrier();
        count = half;
    }
    let sum = shares[index % parts.columns];
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let image = group.z;
    let quad = group.y * parts.columns + index % parts.columns;
    let lane = index / parts.columns;
    let first = group.x * parts.voxels_per_part;
    let last = min(first + parts.voxels_per_part, parts.voxels);

    // Deviations from one of the part's own values, so that the squares cancel little.
    let base = image * parts.voxels;
    let shift = vec4<f32>(source[(base + first) * parts.channel_quads + quad]);
    var sum = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    if lane < parts.lanes {
        for (var voxel = first + lane; voxel < last; voxel += parts.lanes) {
            let value = vec4<f32>(source[(base + voxel) * parts.channel_quads + quad]) - shift;
            sum += value;
            squares += value * value;
        }
    }
    let count = f32(last - first);
    let total = column_sum(index, sum);
    let deviations = column_sum(index, squares) - total * total / count;
    if lane == 0u {
        let at = 2u * ((image * parts.parts + group.x) * parts.channel_quads + quad);
        result[at] = shift + total / count;
        result[at + 1u] = max(deviations, vec4<f32>(0.0));
    }
}
