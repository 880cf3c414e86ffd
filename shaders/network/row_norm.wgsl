// Mean and standard deviation of rows gathered from a grid of voxels, for a norm that a
// product applies when it reads them; or the normalised rows themselves.
//
// Each row is shared by LANES threads, and gone through twice: the variance is that of
// the deviations from the mean, so nothing cancels.

const THREADS = 128u;
const LANES = 16u;

struct RowNorm {
    input_dims: vec3<u32>,
    channel_quads: u32,
    row_dims: vec3<u32>,
    rows: u32,
    stride: u32,
    // Voxels in a row, 1 or 8.
    place_count: u32,
    // Whether the normalised rows are wanted instead.
    normalise: u32,
    unused: u32,
    places: array<vec4<u32>, 8>,
}

@group(0) @binding(0) var<storage, read_write> source: array<Stored>;
// (mean, 1 / standard deviation) of each row.
@group(0) @binding(1) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<Stored>;
@group(0) @binding(3) var<storage, read> norm: RowNorm;

var<workgroup> shares: array<f32, THREADS>;

fn element(row: u32, quad: u32) -> vec4<f32> {
    let dims = norm.row_dims;
    let line = row / dims.z;
    let plane = line / dims.y;
    let place = norm.places[quad / norm.channel_quads].xyz;
    let at = norm.stride * vec3<u32>(plane % dims.x, line % dims.y, row % dims.z) + place;
    if any(at >= norm.input_dims) {
        return vec4<f32>(0.0);
    }
    let size = norm.input_dims;
    let voxel = ((plane / dims.x * size.x + at.x) * size.y + at.y) * size.z + at.z;
    return vec4<f32>(source[voxel * norm.channel_quads + quad % norm.channel_quads]);
}

// The sum of what the threads of a row give.
fn row_sum(index: u32, share: f32) -> f32 {
    shares[index] = share;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if index % LANES < half {
            shares[index] += shares[index + half];
        }
    }
    workgroupBarrier();
    let sum = shares[index / LANES * LANES];
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let row = (group.y * groups.x + group.x) * (THREADS / LANES) + index / LANES;
    let lane = index % LANES;
    let quads = norm.place_count * norm.channel_quads;
    let width = f32(4u * quads);
    let is_row = row < norm.rows;

    var sum = vec4<f32>(0.0);
    if is_row {
        for (var quad = lane; quad < quads; quad += LANES) {
            sum += element(row, quad);
        }
    }
    let mean = row_sum(index, sum.x + sum.y + sum.z + sum.w) / width;
    var squares = vec4<f32>(0.0);
    if is_row {
        for (var quad = lane; quad < quads; quad += LANES) {
            let deviation = element(row, quad) - mean;
            squares += deviation * deviation;
        }
    }
    let variance = row_sum(index, squares.x + squares.y + squares.z + squares.w) / width;
    let scale = 1.0 / sqrt(variance + EPSILON);
    if !is_row {
        return;
    }
    if norm.normalise != 0u {
        for (var quad = lane; quad < quads; quad += LANES) {
            result[row * quads + quad] = Stored((element(row, quad) - mean) * scale);
        }
    } else if lane == 0u {
        statistics[row] = vec4<f32>(mean, scale, 0.0, 0.0);
    }
}
