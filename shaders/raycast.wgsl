// The whole scan along rays, front to back. Twin: src/gpu/twin/raycast.rs.

struct RaycastView {
    scene: Scene,
    eye: vec4<f32>,
    // Unit world directions; right and up in w: half the picture's width and height at
    // a depth of 1 mm (perspective) or at any depth (orthographic).
    forward: vec4<f32>,
    right: vec4<f32>,
    up: vec4<f32>,
    // Unit world direction toward the light.
    light: vec4<f32>,
    background_top: vec4<f32>,
    background_bottom: vec4<f32>,
    // Corners of the region box; w of low: opacity of its edges, w of high: 1 if the
    // scan is drawn inside only.
    region_low: vec4<f32>,
    region_high: vec4<f32>,
    // A point on all planes of the cut-away; w is the number of planes.
    cut_point: vec4<f32>,
    cut_normals: array<vec4<f32>, 3>,
    size_px: vec2<f32>,
    step_mm: f32,
    // Width of a pixel in the world: at a depth of 1 mm, or anywhere.
    pixel_mm: f32,
    // Texel values of no and of full density.
    empty_below: f32,
    full_above: f32,
    density_per_mm: f32,
    edge_emphasis: f32,
    lighting: f32,
    haze_per_mm: f32,
    // One over the width of the window, in texel values.
    edge_scale: f32,
    orthographic: u32,
    max_steps: u32,
    padding_a: u32,
    padding_b: u32,
    padding_c: u32,
}

@group(1) @binding(0) var<uniform> view: RaycastView;

const OPAQUE: f32 = 0.98;

// Colours.

fn over(front: vec4<f32>, colour: vec3<f32>, opacity: f32) -> vec4<f32> {
    let seen = (1.0 - front.a) * opacity;
    return vec4<f32>(front.rgb + colour * seen, front.a + seen);
}

// The ramp from no to full density, summed from far below up to a value.
fn ramp_sum(value: f32, width: f32) -> f32 {
    let above = max(value - view.empty_below, 0.0);
    let in_ramp = min(above, width);
    return in_ramp * in_ramp / (2.0 * width) + (above - in_ramp);
}

// Mean density between two samples, if the value changes evenly from one to the other
// (pre-integration, Engel et al. 2001): steps then leave no rings on surfaces.
fn mean_density(before: f32, here: f32) -> f32 {
    let width = max(view.full_above - view.empty_below, 1e-6);
    if abs(here - before) < 1e-3 * width {
        return clamp((here - view.empty_below) / width, 0.0, 1.0);
    }
    return (ramp_sum(here, width) - ramp_sum(before, width)) / (here - before);
}

// Colour and extinction per mm of the scan between the sample before and the one at a
// texel position.
fn scan_matter(texel: vec3<f32>, before: f32, value: f32, direction: vec3<f32>) -> vec4<f32> {
    var extinction = mean_density(before, value) * view.density_per_mm;
    let shade = windowed(0.5 * (before + value));
    var colour = mix(vec3<f32>(0.42, 0.40, 0.42), vec3<f32>(1.0, 0.97, 0.93), shade);
    if extinction * view.step_mm < 0.002 || (view.lighting == 0.0 && view.edge_emphasis == 0.0) {
        return vec4<f32>(colour, extinction);
    }
    var gradient = vec3<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let d = tetrahedron(i);
        gradient += d * scan_sampled(texel + d * 0.75);
    }
    let steepness = length(gradient) * view.edge_scale / 3.0;
    let normal = facing(-world_gradient(view.scene.scan, gradient), -direction);
    let grazing = 1.0 - abs(dot(normal, direction));
    let edge = smoothstep(0.02, 0.30, steepness) * (0.06 + 0.94 * grazing * grazing);
    extinction *= mix(1.0, edge, view.edge_emphasis);
    let glass = mix(colour, vec3<f32>(0.62, 0.74, 0.90), 0.65 * view.edge_emphasis);
    let shaded = lit(glass, normal, -direction, 0.16);
    let shaped = view.lighting * smoothstep(0.0, 0.06, steepness);
    return vec4<f32>(mix(glass, shaded, shaped), extinction);
}

// Where the scan is cut open, its face shows what a slice there would show.
fn with_face(front: vec4<f32>, ray: Ray, t: f32, normal: vec3<f32>) -> vec4<f32> {
    let place = ray.origin + ray.direction * t;
    let value = scan_sampled(texel_at(view.scene.scan, place));
    let ramp = max(view.full_above - view.empty_below, 1e-6);
    let opacity = smoothstep(view.empty_below - 0.35 * ramp, view.empty_below, value);
    if opacity <= 0.0 {
        return front;
    }
    let size = pixel_size(t);
    let right_step = along_face(view.right.xyz * size, ray.direction, normal);
    let down_step = along_face(view.up.xyz * -size, ray.direction, normal);
    let grey = vec3<f32>(windowed(value)) * 0.94;
    let colour = plane_colour(grey, place, right_step, down_step, ray.pixel);
    return over(front, colour, opacity);
}

fn with_box_edge(front: vec4<f32>, ray: Ray, t: f32) -> vec4<f32> {
    let place = ray.origin + ray.direction * t;
    let from_faces = min(
        abs(place - view.region_low.xyz),
        abs(view.region_high.xyz - place),
    );
    // On a face one of the three is zero; on an edge, so is the second.
    let nearer = min(from_faces.x, from_faces.y);
    let farther = max(from_faces.x, from_faces.y);
    let second = max(nearer, min(farther, from_faces.z));
    let opacity = clamp(1.5 - second / pixel_size(t), 0.0, 1.0) * view.region_low.w;
    return over(front, vec3<f32>(0.93, 0.95, 1.0), opacity);
}

// The class surface that a ray crosses before `t`, where its sample has a new label.
fn label_hit(ray: Ray, label: u32, t: f32) -> f32 {
    let origin = texel_at(view.scene.segmentation, ray.origin);
    let direction = texel_direction(view.scene.segmentation, ray.direction);
    var low = t - view.step_mm;
    var high = t;
    for (var i = 0u; i < 5u; i++) {
        let middle = 0.5 * (low + high);
        if dominant_label(origin + direction * middle) == label {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

fn with_label_surface(front: vec4<f32>, ray: Ray, label: u32, t: f32) -> vec4<f32> {
    let place = ray.origin + ray.direction * t;
    let texel = texel_at(view.scene.segmentation, place);
    let normal = label_normal(texel, label, -ray.direction);
    let class_here = class_colour(label);
    let colour = lit(class_here.rgb, normal, -ray.direction, 0.22);
    // A shell is denser where it is seen from the side.
    let grazing = 1.0 - abs(dot(normal, ray.direction));
    let fill = class_here.a * view.scene.overlay.segmentation_fill;
    return over(front, colour, fill + (1.0 - fill) * fill * grazing * grazing);
}

// The mask's surface that a ray crosses before `t`.
fn mask_hit(ray: Ray, t: f32) -> f32 {
    let origin = texel_at(view.scene.supervoxels, ray.origin);
    let direction = texel_direction(view.scene.supervoxels, ray.direction);
    var low = t - view.step_mm;
    var high = t;
    for (var i = 0u; i < 5u; i++) {
        let middle = 0.5 * (low + high);
        if surface_membership(origin + direction * middle) >= 0.5 {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

fn with_mask_surface(front: vec4<f32>, ray: Ray, inside_id: u32, t: f32) -> vec4<f32> {
    let overlay = view.scene.overlay;
    let layer = view.scene.supervoxels;
    let place = ray.origin + ray.direction * t;
    let texel = texel_at(layer, place);
    let normal = surface_normal(texel, -ray.direction);
    // Ids are read a little inside, where they are nearly always those of the mask.
    let below = place - normal * (0.75 / max(length(texel_direction(layer, normal)), 1e-6));
    let id_below = supervoxel_id_at(below);
    let id = select(inside_id, id_below, has_surface(id_below));
    let heat = heat_colour(id);
    var colour = mix(heat.rgb * 0.55, heat.rgb, hatching(id, ray.pixel));
    if heat.a == 0.0 {
        colour = vec3<f32>(0.75);
    }
    colour = lit(colour, normal, -ray.direction, 0.22);
    let size = pixel_size(t);
    let right_step = along_surface(view.right.xyz * size, normal);
    let down_step = along_surface(view.up.xyz * -size, normal);
    let lines = supervoxel_lines(id, below, right_step, down_step);
    colour = mix(colour, colour * 0.3, lines.within_mask * overlay.boundary_opacity);
    colour = mix(colour, vec3<f32>(1.0), max(lines.selected, 0.6 * lines.hovered));
    return over(front, colour, overlay.heatmap_opacity);
}

// A haze for players that have a value and no surface.
fn with_haze(front: vec4<f32>, id: u32, pixel: vec2<f32>) -> vec4<f32> {
    let heat = heat_colour(id);
    if heat.a == 0.0 {
        return front;
    }
    let extinction = heat.a * view.haze_per_mm * view.scene.overlay.heatmap_opacity;
    let opacity = (1.0 - exp(-extinction * view.step_mm)) * hatching(id, pixel);
    return over(front, heat.rgb, opacity);
}

// Colour and opacity along a ray, colour multiplied by opacity.
fn march(ray: Ray) -> vec4<f32> {
    let step = view.step_mm;
    let start = jitter(ray.pixel);
    let overlay = view.scene.overlay;

    let region = box_span(ray.origin, ray.direction, view.region_low.xyz, view.region_high.xyz);
    let clipped = view.region_high.w > 0.0;
    var scan = layer_span(view.scene.scan, ray);
    if clipped {
        scan = vec2<f32>(max(scan.x, region.x), min(scan.y, region.y));
    }
    let cut = cut_of(ray);
    var labels = NOWHERE;
    if overlay.segmentation_fill > 0.0 {
        labels = label_span(view.scene.segmentation, ray);
    }
    var heat = NOWHERE;
    if overlay.heatmap_opacity > 0.0 {
        heat = label_span(view.scene.supervoxels, ray);
    }
    var lines = NOWHERE;
    if view.region_low.w > 0.0 {
        lines = region;
    }
    let enter = min(min(scan.x, labels.x), min(heat.x, lines.x));
    let leave = max(max(scan.y, labels.y), max(heat.y, lines.y));

    let scan_origin = texel_at(view.scene.scan, ray.origin);
    let scan_direction = texel_direction(view.scene.scan, ray.direction);
    let label_origin = texel_at(view.scene.segmentation, ray.origin);
    let label_direction = texel_direction(view.scene.segmentation, ray.direction);
    let heat_origin = texel_at(view.scene.supervoxels, ray.origin);
    let heat_direction = texel_direction(view.scene.supervoxels, ray.direction);

    var seen = vec4<f32>(0.0);
    var index = ceil(enter / step - start);
    var before = enter - step;
    // The class and whether the mask that the ray is in.
    var label = 0u;
    var in_surface = false;
    // The scan's value at the last sample; FAR where there was none.
    var value_before = FAR;
    for (var n = 0u; n < view.max_steps; n++) {
        if before > leave || seen.a > OPAQUE {
            break;
        }
        let t = (index + start) * step;

        // Flat things passed since the last sample.
        if lines.x > before && lines.x <= t {
            seen = with_box_edge(seen, ray, lines.x);
        }
        if lines.y > before && lines.y <= t {
            seen = with_box_edge(seen, ray, lines.y);
        }
        if clipped && scan.x > before && scan.x <= t && scan.x < scan.y
            && scan.x == region.x && !contains(cut.span, scan.x) {
            seen = with_face(seen, ray, scan.x, face_normal(ray, scan.x));
        }
        if cut.span.y > before && cut.span.y <= t && contains(scan, cut.span.y) {
            seen = with_face(seen, ray, cut.span.y, cut.normal);
        }

        // Surfaces passed since the last sample.
        // The nearest label is read first; membership, eight times the work, only where
        // that has changed.
        var label_t = FAR;
        var nearest_label = 0u;
        if contains(labels, t) {
            nearest_label = segmentation_label(nearest_texel(label_origin + label_direction * t));
        }
        if nearest_label != label {
            var reached = nearest_label;
            if class_colour(nearest_label).a > 0.0 {
                reached = dominant_label(label_origin + label_direction * t);
                if reached != label && class_colour(reached).a > 0.0 {
                    label_t = label_hit(ray, reached, t);
                }
            }
            label = reached;
        }
        var mask_t = FAR;
        var mask_id = 0u;
        if contains(heat, t) {
            let texel = heat_origin + heat_direction * t;
            let id = supervoxel_id(nearest_texel(texel));
            if has_surface(id) {
                if !in_surface && surface_membership(texel) >= 0.5 {
                    in_surface = true;
                    mask_t = mask_hit(ray, t);
                    mask_id = id;
                }
            } else {
                in_surface = false;
                if view.haze_per_mm > 0.0 && id != 0u {
                    seen = with_haze(seen, id, ray.pixel);
                }
            }
        } else {
            in_surface = false;
        }
        if mask_t < label_t {
            seen = with_mask_surface(seen, ray, mask_id, mask_t);
        }
        if label_t < FAR {
            seen = with_label_surface(seen, ray, label, label_t);
        }
        if mask_t < FAR && mask_t >= label_t {
            seen = with_mask_surface(seen, ray, mask_id, mask_t);
        }

        // The scan, and how far there is nothing of it.
        var next = t;
        var value = FAR;
        if contains(scan, t) && !contains(cut.span, t) {
            let texel = scan_origin + scan_direction * t;
            let brick = floor((texel + 0.5) / BRICK);
            if textureLoad(scan_bricks, vec3<i32>(brick), 0).x <= view.empty_below {
                next = brick_end(scan_origin, scan_direction, brick);
                value = view.empty_below;
            } else {
                value = scan_sampled(texel);
                let last = select(value, value_before, value_before < FAR);
                let matter = scan_matter(texel, last, value, ray.direction);
                seen = over(seen, matter.rgb, 1.0 - exp(-matter.a * step));
            }
        } else if t < scan.x {
            next = ahead(scan, t);
        } else if contains(cut.span, t) {
            next = min(cut.span.y, leave);
        } else {
            next = leave;
        }
        value_before = value;
        if contains(labels, t) || contains(heat, t) {
            next = t;
        }
        next = min(next, min(ahead(labels, t), ahead(heat, t)));
        next = min(next, leave + step);

        before = t;
        index = max(index + 1.0, ceil(next / step - start));
    }
    return seen;
}

// The face of the region box that a ray enters through.
fn face_normal(ray: Ray, t: f32) -> vec3<f32> {
    let place = ray.origin + ray.direction * t;
    let middle = 0.5 * (view.region_low.xyz + view.region_high.xyz);
    let half_size = max(0.5 * (view.region_high.xyz - view.region_low.xyz), vec3<f32>(1e-6));
    let outward = (place - middle) / half_size;
    let size = abs(outward);
    if size.x >= size.y && size.x >= size.z {
        return vec3<f32>(sign(outward.x), 0.0, 0.0);
    }
    if size.y >= size.z {
        return vec3<f32>(0.0, sign(outward.y), 0.0);
    }
    return vec3<f32>(0.0, 0.0, sign(outward.z));
}

@fragment
fn raycast(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let ray = ray_through(position.xy);
    let seen = march(ray);
    let down = position.y / view.size_px.y;
    let background = mix(view.background_top.rgb, view.background_bottom.rgb, down);
    // What is nearly opaque counts as opaque.
    let share = select(seen.a, 1.0, seen.a > OPAQUE);
    let colour = seen.rgb * (share / max(seen.a, 1e-6)) + background * (1.0 - share);
    return vec4<f32>(colour, 1.0);
}
