// Adds the sums of a product whose inner numbers were dealt out to several workgroups,
// and does what the product would have done on the way out.

const BIAS = 4u;
const GELU = 8u;
const RESIDUAL = 16u;

struct Splits {
    splits: u32,
    // Vectors in one split's result.
    count: u32,
    column_quads: u32,
    flags: u32,
}

@group(0) @binding(0) var<storage, read_write> partial: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> bias: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> residual: array<Stored>;
@group(0) @binding(3) var<storage, read_write> result: array<Stored>;
@group(0) @binding(4) var<storage, read> splits: Splits;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let at = global.y * groups.x * 128u + global.x;
    if at >= splits.count {
        return;
    }
    var value = vec4<f32>(0.0);
    for (var split = 0u; split < splits.splits; split += 1u) {
        value += partial[split * splits.count + at];
    }
    if (splits.flags & BIAS) != 0u {
        value += bias[at % splits.column_quads];
    }
    if (splits.flags & GELU) != 0u {
        value = gelu(value);
    }
    if (splits.flags & RESIDUAL) != 0u {
        value += vec4<f32>(residual[at]);
    }
    result[at] = Stored(value);
}
