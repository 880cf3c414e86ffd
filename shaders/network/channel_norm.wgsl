// Mean and 1 / standard deviation of each channel of each image, from those of its parts
// (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983).

const THREADS = 64u;

struct ChannelNorm {
    voxels: u32,
    channel_quads: u32,
    voxels_per_part: u32,
    parts: u32,
}

@group(0) @binding(0) var<storage, read_write> parts: array<vec4<f32>>;
// Images × vectors of channels × (mean, 1 / standard deviation).
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norm: ChannelNorm;

var<workgroup> shares: array<vec4<f32>, THREADS>;

fn sum_of_all(index: u32, share: vec4<f32>) -> vec4<f32> {
    shares[index] = share;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if index < half {
            shares[index] += shares[index + half];
        }
    }
    workgroupBarrier();
    let sum = shares[0];
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let quad = group.x;
    let image = group.y;
    var sum = vec4<f32>(0.0);
    for (var part = index; part < norm.parts; part += THREADS) {
        let at = 2u * ((image * norm.parts + part) * norm.channel_quads + quad);
        let first = part * norm.voxels_per_part;
        let count = min(first + norm.voxels_per_part, norm.voxels) - first;
        sum += parts[at] * (f32(count) / f32(norm.voxels));
    }
    let mean = sum_of_all(index, sum);
    var squares = vec4<f32>(0.0);
    for (var part = index; part < norm.parts; part += THREADS) {
        let at = 2u * ((image * norm.parts + part) * norm.channel_quads + quad);
        let first = part * norm.voxels_per_part;
        let count = min(first + norm.voxels_per_part, norm.voxels) - first;
        let between = parts[at] - mean;
        squares += parts[at + 1u] + between * between * f32(count);
    }
    let variance = sum_of_all(index, squares) / f32(norm.voxels);
    if index == 0u {
        let at = 2u * (image * norm.channel_quads + quad);
        result[at] = mean;
        result[at + 1u] = 1.0 / sqrt(variance + EPSILON);
    }
}
