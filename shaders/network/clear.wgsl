// Sets numbers to zero.

struct Clear {
    count: u32,
    unused: u32,
}

@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(1) var<storage, read> clear: Clear;

@compute @workgroup_size(128)
fn main(
    @builtin(global_invocation_id) global: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let at = global.y * groups.x * 128u + global.x;
    if at < clear.count {
        numbers[at] = 0.0;
    }
}
