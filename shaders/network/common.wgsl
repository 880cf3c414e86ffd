// What several kernels of the network share.

const LEAKY_SLOPE = 0.01;
// Added to variances before the root, in every norm of the network.
const EPSILON = 1e-5;

fn rectified(x: vec4<f32>) -> vec4<f32> {
    return max(x, LEAKY_SLOPE * x);
}

// erf, by a rational function on [-4, 4], outside of which it is ±1 in single precision.
fn erf(x: vec4<f32>) -> vec4<f32> {
    let c = clamp(x, vec4<f32>(-4.0), vec4<f32>(4.0));
    let s = c * c;
    var p = vec4<f32>(-2.72614225801306e-10);
    p = fma(p, s, vec4<f32>(2.77068142495902e-08));
    p = fma(p, s, vec4<f32>(-2.10102402082508e-06));
    p = fma(p, s, vec4<f32>(-5.69250639462346e-05));
    p = fma(p, s, vec4<f32>(-7.34990630326855e-04));
    p = fma(p, s, vec4<f32>(-2.95459980854025e-03));
    p = fma(p, s, vec4<f32>(-1.60960333262415e-02));
    var q = vec4<f32>(-1.45660718464996e-05);
    q = fma(q, s, vec4<f32>(-2.13374055278905e-04));
    q = fma(q, s, vec4<f32>(-1.68282697438203e-03));
    q = fma(q, s, vec4<f32>(-7.37332916720468e-03));
    q = fma(q, s, vec4<f32>(-1.42647390514189e-02));
    return c * p / q;
}

fn gelu(x: vec4<f32>) -> vec4<f32> {
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}
