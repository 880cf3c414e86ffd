// Rays of the volume rendering, and which part of one passes what. Twin:
// src/gpu/twin/rays.rs.

// Farther than anything.
const FAR: f32 = 1e30;
const NOWHERE: vec2<f32> = vec2<f32>(FAR, -FAR);
// Edge of a brick in texels.
const BRICK: f32 = 8.0;

struct Ray {
    origin: vec3<f32>,
    direction: vec3<f32>,
    pixel: vec2<f32>,
}

fn ray_through(pixel: vec2<f32>) -> Ray {
    let x = 2.0 * pixel.x / view.size_px.x - 1.0;
    let y = 1.0 - 2.0 * pixel.y / view.size_px.y;
    let across = view.right.xyz * (x * view.right.w) + view.up.xyz * (y * view.up.w);
    if view.orthographic != 0u {
        return Ray(view.eye.xyz + across, view.forward.xyz, pixel);
    }
    return Ray(view.eye.xyz, normalize(view.forward.xyz + across), pixel);
}

// Width of a pixel in the world, some way along a ray.
fn pixel_size(t: f32) -> f32 {
    return view.pixel_mm * select(t, 1.0, view.orthographic != 0u);
}

// Spans of a ray: where it enters and where it leaves, in mm. Empty if x > y.

fn box_span(
    origin: vec3<f32>,
    direction: vec3<f32>,
    low: vec3<f32>,
    high: vec3<f32>,
) -> vec2<f32> {
    let along = select(vec3<f32>(1e-9), direction, abs(direction) > vec3<f32>(1e-9));
    let a = (low - origin) / along;
    let b = (high - origin) / along;
    let enter = min(a, b);
    let leave = max(a, b);
    let span = vec2<f32>(
        max(max(enter.x, enter.y), max(enter.z, 0.0)),
        min(min(leave.x, leave.y), leave.z),
    );
    return select(NOWHERE, span, span.x < span.y);
}

fn layer_span(layer: Layer, ray: Ray) -> vec2<f32> {
    if layer.dims.w == 0.0 {
        return NOWHERE;
    }
    return box_span(
        texel_at(layer, ray.origin),
        texel_direction(layer, ray.direction),
        layer.occupied_low.xyz,
        layer.occupied_high.xyz,
    );
}

// Label surfaces reach up to half a texel beyond the labelled cells' centres; one more
// cell on each side leaves room for them.
fn label_span(layer: Layer, ray: Ray) -> vec2<f32> {
    if layer.dims.w == 0.0 || any(layer.occupied_low.xyz >= layer.occupied_high.xyz) {
        return NOWHERE;
    }
    return box_span(
        texel_at(layer, ray.origin),
        texel_direction(layer, ray.direction),
        layer.occupied_low.xyz - 0.5,
        layer.occupied_high.xyz + 0.5,
    );
}

// The part of a ray whose scan is taken away, and the plane through which it leaves.
struct Cut {
    span: vec2<f32>,
    normal: vec3<f32>,
}

fn cut_of(ray: Ray) -> Cut {
    var cut = Cut(NOWHERE, -ray.direction);
    let count = u32(view.cut_point.w);
    if count == 0u {
        return cut;
    }
    cut.span = vec2<f32>(0.0, FAR);
    for (var i = 0u; i < count; i++) {
        let normal = view.cut_normals[i].xyz;
        let height = dot(normal, ray.origin - view.cut_point.xyz);
        let climb = dot(normal, ray.direction);
        if abs(climb) < 1e-6 {
            if height <= 0.0 {
                cut.span = NOWHERE;
            }
        } else if climb > 0.0 {
            cut.span.x = max(cut.span.x, -height / climb);
        } else if -height / climb < cut.span.y {
            cut.span.y = -height / climb;
            cut.normal = normal;
        }
    }
    if cut.span.x >= cut.span.y {
        cut.span = NOWHERE;
    }
    return cut;
}

// A step across the picture, moved along the ray onto a plane.
fn along_face(step: vec3<f32>, direction: vec3<f32>, normal: vec3<f32>) -> vec3<f32> {
    let climb = dot(normal, direction);
    let steep = select(-0.1, climb, climb < -0.1);
    return step - direction * (dot(normal, step) / steep);
}

fn along_surface(step: vec3<f32>, normal: vec3<f32>) -> vec3<f32> {
    return step - normal * dot(normal, step);
}

// Spreads the start of neighbouring rays, so that steps do not show as rings
// (interleaved gradient noise, Jimenez 2014).
fn jitter(pixel: vec2<f32>) -> f32 {
    return fract(52.9829189 * fract(dot(pixel, vec2<f32>(0.06711056, 0.00583715))));
}

fn contains(span: vec2<f32>, t: f32) -> bool {
    return t >= span.x && t <= span.y;
}

// Start of a span if it is still ahead.
fn ahead(span: vec2<f32>, t: f32) -> f32 {
    return select(FAR, span.x, span.x > t && span.x < span.y);
}

// Where a ray leaves all bricks that are fewer than `blocks` steps from the one it is in.
fn brick_end(
    origin: vec3<f32>,
    direction: vec3<f32>,
    brick: vec3<f32>,
    blocks: f32,
) -> f32 {
    let along = select(vec3<f32>(1e-9), direction, abs(direction) > vec3<f32>(1e-9));
    let low = (brick - (blocks - 1.0)) * BRICK - 0.5;
    let high = (brick + blocks) * BRICK - 0.5;
    let leave = max((low - origin) / along, (high - origin) / along);
    return min(leave.x, min(leave.y, leave.z));
}
