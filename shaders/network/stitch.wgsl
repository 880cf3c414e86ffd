// Adds a window's logits, weighted, to the sum over all windows.

struct Stitch {
    // Size of the padded image.
    image_dims: vec3<u32>,
    classes: u32,
    window_dims: vec3<u32>,
    // Which of the batch this is.
    number: u32,
    start: vec3<u32>,
    unused: u32,
}

// Batch × classes × window voxels.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> importance: array<f32>;
// Classes × image voxels.
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;
@group(0) @binding(3) var<storage, read> stitch: Stitch;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let own = global.y * groups.x * 128u + global.x;
    let size = stitch.window_dims;
    let voxels = size.x * size.y * size.z;
    if own >= voxels {
        return;
    }
    let line = own / size.z;
    let at = stitch.start + vec3<u32>(line / size.y, line % size.y, own % size.z);
    let dims = stitch.image_dims;
    let voxel = (at.x * dims.y + at.y) * dims.z + at.z;
    let weight = importance[own];
    for (var class_ = 0u; class_ < stitch.classes; class_ += 1u) {
        let value = logits[(stitch.number * stitch.classes + class_) * voxels + own];
        sum[class_ * dims.x * dims.y * dims.z + voxel] += value * weight;
    }
}
