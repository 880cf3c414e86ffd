// The last step: the end of the last residual block and the 1×1×1 convolution to logits,
// one voxel a thread. Logits are written images × classes × voxels.
//
// CLASSES and Stored stand in the text that the program puts before this.

struct Head {
    voxels: u32,
    channel_quads: u32,
    images: u32,
    unused: u32,
}

@group(0) @binding(0) var<storage, read_write> inner: array<Stored>;
@group(0) @binding(1) var<storage, read_write> inner_norm: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> shortcut: array<Stored>;
@group(0) @binding(3) var<storage, read_write> shortcut_norm: array<vec4<f32>>;
// Vectors of channels × classes.
@group(0) @binding(4) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;
@group(0) @binding(7) var<storage, read> head: Head;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let voxel = global.y * groups.x * 128u + global.x;
    let image = global.z;
    if voxel >= head.voxels {
        return;
    }
    var logits: array<f32, CLASSES>;
    for (var class_ = 0u; class_ < CLASSES; class_ += 1u) {
        logits[class_] = bias[class_];
    }
    let row = (image * head.voxels + voxel) * head.channel_quads;
    for (var quad = 0u; quad < head.channel_quads; quad += 1u) {
        let norm = 2u * (image * head.channel_quads + quad);
        var value = (vec4<f32>(inner[row + quad]) - inner_norm[norm]) * inner_norm[norm + 1u]
            + (vec4<f32>(shortcut[row + quad]) - shortcut_norm[norm]) * shortcut_norm[norm + 1u];
        value = rectified(value);
        for (var class_ = 0u; class_ < CLASSES; class_ += 1u) {
            logits[class_] += dot(value, weights[quad * CLASSES + class_]);
        }
    }
    for (var class_ = 0u; class_ < CLASSES; class_ += 1u) {
        result[(image * CLASSES + class_) * head.voxels + voxel] = logits[class_];
    }
}
