// One plane through the body. Twin: src/gpu/twin/slice.rs.

struct SliceView {
    scene: Scene,
    // World place of the picture's middle.
    center: vec4<f32>,
    // World steps of one pixel to the right and one pixel down.
    right_step: vec4<f32>,
    down_step: vec4<f32>,
    background: vec4<f32>,
    // Corners of the region box; region_low.w is 1 if there is one.
    region_low: vec4<f32>,
    region_high: vec4<f32>,
    size_px: vec2<f32>,
    interpolate: u32,
    dim_outside_region: f32,
}

@group(1) @binding(0) var<uniform> view: SliceView;

@fragment
fn slice(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = position.xy;
    let from_middle = pixel - view.size_px * 0.5;
    let place = view.center.xyz
        + view.right_step.xyz * from_middle.x
        + view.down_step.xyz * from_middle.y;

    var c = view.background.rgb;
    let texel = texel_at(view.scene.scan, place);
    if inside(view.scene.scan, texel) {
        var value = 0.0;
        if view.interpolate != 0u {
            value = scan_interpolated(texel);
        } else {
            value = scan_texel(nearest_texel(texel));
        }
        c = vec3<f32>(windowed(value));
    }
    c = plane_colour(c, place, view.right_step.xyz, view.down_step.xyz, pixel);

    let in_region = all(place >= view.region_low.xyz) && all(place <= view.region_high.xyz);
    if view.region_low.w > 0.0 && !in_region {
        c *= 1.0 - view.dim_outside_region;
    }
    return vec4<f32>(c, 1.0);
}
