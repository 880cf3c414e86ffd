// The weighted means of all windows' logits, without the padding of the image.

struct Blend {
    padded_dims: vec3<u32>,
    classes: u32,
    image_dims: vec3<u32>,
    unused_1: u32,
    // Padding before the image.
    before: vec3<u32>,
    unused_2: u32,
}

// Classes × padded voxels.
@group(0) @binding(0) var<storage, read_write> sum: array<f32>;
// Sum of the windows' weights at each padded voxel.
@group(0) @binding(1) var<storage, read_write> total: array<f32>;
// Classes × image voxels.
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
@group(0) @binding(3) var<storage, read> blend: Blend;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let size = blend.image_dims;
    let voxels = size.x * size.y * size.z;
    let at_image = global.y * groups.x * 128u + global.x;
    if at_image >= voxels {
        return;
    }
    let line = at_image / size.z;
    let at = blend.before + vec3<u32>(line / size.y, line % size.y, at_image % size.z);
    let dims = blend.padded_dims;
    let voxel = (at.x * dims.y + at.y) * dims.z + at.z;
    for (var class_ = 0u; class_ < blend.classes; class_ += 1u) {
        result[class_ * voxels + at_image] =
            sum[class_ * dims.x * dims.y * dims.z + voxel] / total[voxel];
    }
}
