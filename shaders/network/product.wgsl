// Rows times weights, where a row is gathered from a grid of voxels: linear layers (one
// voxel a row), 3×3×3 convolutions (27 voxels), patch embedding and patch merging (8
// voxels at a stride of 2), and the transposed convolution (one voxel, its results dealt
// out to 8).
//
// Grids are images × depth × height × width × channels, four channels in a vector. A
// workgroup makes ROWS × (4 · QUADS) results: it brings STEP inner numbers of all its
// rows and columns into its memory, and each thread keeps 8 rows × (4 · THREAD_QUADS)
// sums in registers. What a row is normalised with, and what is added to a result, is
// done on the way in and on the way out, so that no such map is ever written.
//
// THREADS_ACROSS, THREADS_DOWN, THREAD_QUADS, STEP, Stored and Written stand in the text
// that the program puts before this.

const ROWS = 8u * THREADS_DOWN;
const QUADS = THREADS_ACROSS * THREAD_QUADS;
const THREADS = THREADS_ACROSS * THREADS_DOWN;
const STEP_QUADS = STEP / 4u;
// One more than needed, so that the vectors of a column lie in different banks.
const LEFT_PITCH = ROWS / 4u + 1u;

const NOWHERE = 0xffffffffu;

const ROW_NORM = 1u;
const CHANNEL_NORM = 2u;
const BIAS = 4u;
const GELU = 8u;
const RESIDUAL = 16u;
const SCATTER = 32u;

struct Product {
    // Depth, height and width of the grid that is read.
    input_dims: vec3<i32>,
    // Vectors of channels of the two tensors that are read as one.
    first_quads: u32,
    // Depth, height and width of the grid of rows.
    row_dims: vec3<i32>,
    second_quads: u32,
    // Vectors of results in a row.
    column_quads: u32,
    // Vectors of inner numbers: places of the kernel × channels / 4.
    inner_quads: u32,
    // Inner vectors that one workgroup sums up; the rest is for others.
    quads_per_split: u32,
    splits: u32,
    rows_per_image: u32,
    tiles_per_image: u32,
    images: u32,
    stride: i32,
    flags: u32,
    // Number of the first tile of rows.
    first_tile: u32,
    unused_1: u32,
    unused_2: u32,
    // Where the places of the kernel lie.
    places: array<vec4<i32>, 27>,
}

@group(0) @binding(0) var<storage, read_write> first: array<Stored>;
@group(0) @binding(1) var<storage, read_write> second: array<Stored>;
// Inner × columns.
@group(0) @binding(2) var<storage, read_write> weights: array<Stored>;
@group(0) @binding(3) var<storage, read_write> bias: array<vec4<f32>>;
// Row norm: (mean, 1 / standard deviation) of each row. Channel norm: the same for each
// image and vector of channels, in two vectors.
@group(0) @binding(4) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> residual: array<Stored>;
@group(0) @binding(6) var<storage, read_write> result: array<Written>;
@group(0) @binding(7) var<storage, read> product: Product;

var<workgroup> left: array<vec4<f32>, STEP * LEFT_PITCH>;
var<workgroup> right: array<vec4<f32>, STEP * QUADS>;
// Where each row lies in its grid, ten bits an axis.
var<workgroup> row_places: array<u32, ROWS>;

fn unpacked(place: u32) -> vec3<i32> {
    return vec3<i32>(vec3<u32>(place >> 20u, (place >> 10u) & 1023u, place & 1023u));
}

// The voxel that a row reads at a place of the kernel, or -1 outside of the grid.
fn voxel_at(image: u32, place: u32, offset: vec3<i32>) -> i32 {
    let at = unpacked(place) * product.stride + offset;
    let dims = product.input_dims;
    let voxel = ((i32(image) * dims.x + at.x) * dims.y + at.y) * dims.z + at.z;
    let inside = place != NOWHERE && all(at >= vec3<i32>(0)) && all(at < dims);
    return select(-1, voxel, inside);
}

fn write(image: u32, row: u32, place: u32, quad: u32, split: u32, sum: vec4<f32>) {
    if place == NOWHERE || quad >= product.column_quads {
        return;
    }
    let of_all = image * product.rows_per_image + row;
    if product.splits > 1u {
        let before = split * product.images * product.rows_per_image;
        result[(before + of_all) * product.column_quads + quad] = Written(sum);
        return;
    }
    var value = sum;
    var target_index = of_all * product.column_quads + quad;
    if (product.flags & BIAS) != 0u {
        value += bias[quad];
    }
    if (product.flags & GELU) != 0u {
        value = gelu(value);
    }
    if (product.flags & RESIDUAL) != 0u {
        value += vec4<f32>(residual[target_index]);
    }
    if (product.flags & SCATTER) != 0u {
        let channel_quads = product.column_quads / 8u;
        let cell = quad / channel_quads;
        let dims = 2 * product.row_dims;
        let at = 2 * unpacked(place)
            + vec3<i32>(vec3<u32>(cell >> 2u, (cell >> 1u) & 1u, cell & 1u));
        let voxel = ((i32(image) * dims.x + at.x) * dims.y + at.y) * dims.z + at.z;
        target_index = u32(voxel) * channel_quads + quad % channel_quads;
    }
    result[target_index] = Written(value);
}

@compute @workgroup_size(THREADS_ACROSS, THREADS_DOWN)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = product.first_tile + group.x;
    let image = tile / product.tiles_per_image;
    let first_row = (tile % product.tiles_per_image) * ROWS;
    let first_quad = group.y * QUADS;
    let begin = group.z * product.quads_per_split;
    let end = min(begin + product.quads_per_split, product.inner_quads);
    let channel_quads = product.first_quads + product.second_quads;

    for (var of_tile = index; of_tile < ROWS; of_tile += THREADS) {
        let row = first_row + of_tile;
        var place = NOWHERE;
        if row < product.rows_per_image {
            let height = u32(product.row_dims.y);
            let width = u32(product.row_dims.z);
            let line = row / width;
            place = ((line / height) << 20u) | ((line % height) << 10u) | (row % width);
        }
        row_places[of_tile] = place;
    }

    // Eight rows and two vectors of columns of sums.
    var a0 = vec4<f32>(0.0);
    var a1 = vec4<f32>(0.0);
    var a2 = vec4<f32>(0.0);
    var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0);
    var a5 = vec4<f32>(0.0);
    var a6 = vec4<f32>(0.0);
    var a7 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0);
    var b1 = vec4<f32>(0.0);
    var b2 = vec4<f32>(0.0);
    var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0);
    var b5 = vec4<f32>(0.0);
    var b6 = vec4<f32>(0.0);
    var b7 = vec4<f32>(0.0);
    workgroupBarrier();

    for (var inner = begin; inner < end; inner += STEP_QUADS) {
        // Four rows at a time, so that whole vectors can be stored across them.
        for (var item = index; item < STEP_QUADS * (ROWS / 4u); item += THREADS) {
            let step_quad = item % STEP_QUADS;
            let row = 4u * (item / STEP_QUADS);
            let inner_quad = min(inner + step_quad, product.inner_quads - 1u);
            let offset = product.places[inner_quad / channel_quads].xyz;
            let quad = inner_quad % channel_quads;
            var voxels = vec4<i32>(
                voxel_at(image, row_places[row], offset),
                voxel_at(image, row_places[row + 1u], offset),
                voxel_at(image, row_places[row + 2u], offset),
                voxel_at(image, row_places[row + 3u], offset),
            );
            if inner + step_quad >= end {
                voxels = vec4<i32>(-1);
            }
            // Everything is read, and what lies outside replaced afterwards: the device has
            // all reads under way at once.
            let inside = vec4<u32>(max(voxels, vec4<i32>(0)));
            var r0: vec4<f32>;
            var r1: vec4<f32>;
            var r2: vec4<f32>;
            var r3: vec4<f32>;
            if quad < product.first_quads {
                let at = inside * product.first_quads + quad;
                r0 = vec4<f32>(first[at.x]);
                r1 = vec4<f32>(first[at.y]);
                r2 = vec4<f32>(first[at.z]);
                r3 = vec4<f32>(first[at.w]);
            } else {
                let at = inside * product.second_quads + (quad - product.first_quads);
                r0 = vec4<f32>(second[at.x]);
                r1 = vec4<f32>(second[at.y]);
                r2 = vec4<f32>(second[at.z]);
                r3 = vec4<f32>(second[at.w]);
            }
            if (product.flags & CHANNEL_NORM) != 0u {
                let at = 2u * (image * channel_quads + quad);
                let mean = statistics[at];
                let scale = statistics[at + 1u];
                r0 = rectified((r0 - mean) * scale);
                r1 = rectified((r1 - mean) * scale);
                r2 = rectified((r2 - mean) * scale);
                r3 = rectified((r3 - mean) * scale);
            }
            // Padding is of the normalised map.
            r0 = select(vec4<f32>(0.0), r0, voxels.x >= 0);
            r1 = select(vec4<f32>(0.0), r1, voxels.y >= 0);
            r2 = select(vec4<f32>(0.0), r2, voxels.z >= 0);
            r3 = select(vec4<f32>(0.0), r3, voxels.w >= 0);
            if (product.flags & ROW_NORM) != 0u {
                // Here the padding is normalised too.
                let last = product.rows_per_image - 1u;
                let before = image * product.rows_per_image;
                let of_image = first_row + row;
                let s0 = statistics[before + min(of_image, last)];
                let s1 = statistics[before + min(of_image + 1u, last)];
                let s2 = statistics[before + min(of_image + 2u, last)];
                let s3 = statistics[before + min(of_image + 3u, last)];
                r0 = (r0 - s0.x) * s0.y;
                r1 = (r1 - s1.x) * s1.y;
                r2 = (r2 - s2.x) * s2.y;
                r3 = (r3 - s3.x) * s3.y;
            }
            let at = 4u * step_quad * LEFT_PITCH + row / 4u;
            left[at] = vec4<f32>(r0.x, r1.x, r2.x, r3.x);
            left[at + LEFT_PITCH] = vec4<f32>(r0.y, r1.y, r2.y, r3.y);
            left[at + 2u * LEFT_PITCH] = vec4<f32>(r0.z, r1.z, r2.z, r3.z);
            left[at + 3u * LEFT_PITCH] = vec4<f32>(r0.w, r1.w, r2.w, r3.w);
        }
        for (var item = index; item < STEP * QUADS; item += THREADS) {
            let inner_row = 4u * inner + item / QUADS;
            let quad = first_quad + item % QUADS;
            let at = min(inner_row, 4u * product.inner_quads - 1u) * product.column_quads
                + min(quad, product.column_quads - 1u);
            let value = vec4<f32>(weights[at]);
            // Past the end the rows are zeros, except where a norm made them something else.
            right[item] = select(vec4<f32>(0.0), value, inner_row < 4u * end);
        }
        workgroupBarrier();
        for (var k = 0u; k < STEP; k += 1u) {
            let l0 = left[k * LEFT_PITCH + local.y];
            let l1 = left[k * LEFT_PITCH + THREADS_DOWN + local.y];
            let q0 = right[k * QUADS + local.x];
            a0 = fma(vec4<f32>(l0.x), q0, a0);
            a1 = fma(vec4<f32>(l0.y), q0, a1);
            a2 = fma(vec4<f32>(l0.z), q0, a2);
            a3 = fma(vec4<f32>(l0.w), q0, a3);
            a4 = fma(vec4<f32>(l1.x), q0, a4);
            a5 = fma(vec4<f32>(l1.y), q0, a5);
            a6 = fma(vec4<f32>(l1.z), q0, a6);
            a7 = fma(vec4<f32>(l1.w), q0, a7);
            if THREAD_QUADS == 2u {
                let q1 = right[k * QUADS + THREADS_ACROSS + local.x];
                b0 = fma(vec4<f32>(l0.x), q1, b0);
                b1 = fma(vec4<f32>(l0.y), q1, b1);
                b2 = fma(vec4<f32>(l0.z), q1, b2);
                b3 = fma(vec4<f32>(l0.w), q1, b3);
                b4 = fma(vec4<f32>(l1.x), q1, b4);
                b5 = fma(vec4<f32>(l1.y), q1, b5);
                b6 = fma(vec4<f32>(l1.z), q1, b6);
                b7 = fma(vec4<f32>(l1.w), q1, b7);
            }
        }
        workgroupBarrier();
    }

    let upper = 4u * local.y;
    let lower = ROWS / 2u + upper;
    let quad = first_quad + local.x;
    write(image, first_row + upper, row_places[upper], quad, group.z, a0);
    write(image, first_row + upper + 1u, row_places[upper + 1u], quad, group.z, a1);
    write(image, first_row + upper + 2u, row_places[upper + 2u], quad, group.z, a2);
    write(image, first_row + upper + 3u, row_places[upper + 3u], quad, group.z, a3);
    write(image, first_row + lower, row_places[lower], quad, group.z, a4);
    write(image, first_row + lower + 1u, row_places[lower + 1u], quad, group.z, a5);
    write(image, first_row + lower + 2u, row_places[lower + 2u], quad, group.z, a6);
    write(image, first_row + lower + 3u, row_places[lower + 3u], quad, group.z, a7);
    if THREAD_QUADS == 2u {
        let other = quad + THREADS_ACROSS;
        write(image, first_row + upper, row_places[upper], other, group.z, b0);
        write(image, first_row + upper + 1u, row_places[upper + 1u], other, group.z, b1);
        write(image, first_row + upper + 2u, row_places[upper + 2u], other, group.z, b2);
        write(image, first_row + upper + 3u, row_places[upper + 3u], other, group.z, b3);
        write(image, first_row + lower, row_places[lower], other, group.z, b4);
        write(image, first_row + lower + 1u, row_places[lower + 1u], other, group.z, b5);
        write(image, first_row + lower + 2u, row_places[lower + 2u], other, group.z, b6);
        write(image, first_row + lower + 3u, row_places[lower + 3u], other, group.z, b7);
    }
}
