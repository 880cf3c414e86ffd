// The end of a residual block: the normalised map plus its shortcut, rectified. The
// shortcut has a norm of its own where it went through a convolution.

struct Residual {
    // Vectors in an image.
    quads_per_image: u32,
    channel_quads: u32,
    count: u32,
    shortcut_norm: u32,
}

@group(0) @binding(0) var<storage, read_write> inner: array<Stored>;
@group(0) @binding(1) var<storage, read_write> inner_norm: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> shortcut: array<Stored>;
@group(0) @binding(3) var<storage, read_write> shortcut_norm: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<Stored>;
@group(0) @binding(5) var<storage, read> residual: Residual;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let at = global.y * groups.x * 128u + global.x;
    if at >= residual.count {
        return;
    }
    let image = at / residual.quads_per_image;
    let norm = 2u * (image * residual.channel_quads + at % residual.channel_quads);
    var value = (vec4<f32>(inner[at]) - inner_norm[norm]) * inner_norm[norm + 1u];
    var other = vec4<f32>(shortcut[at]);
    if residual.shortcut_norm != 0u {
        other = (other - shortcut_norm[norm]) * shortcut_norm[norm + 1u];
    }
    value += other;
    result[at] = Stored(rectified(value));
}
