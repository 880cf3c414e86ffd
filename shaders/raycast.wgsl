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
    // Corners of the region box; w of low: opacity of its edges.
    region_low: vec4<f32>,
    region_high: vec4<f32>,
    // Corners of the box that the scan is drawn in; w of low: 1 if there is one.
    crop_low: vec4<f32>,
    crop_high: vec4<f32>,
    // Planes that take away what is farther along their normal than w. None has a
    // normal of zero.
    clip_planes: array<vec4<f32>, 3>,
    // A point on all planes of the cut-away; w is the number of planes.
    cut_point: vec4<f32>,
    cut_normals: array<vec4<f32>, 3>,
    // Where its lines meet; w is their opacity.
    crosshair: vec4<f32>,
    size_px: vec2<f32>,
    // Where in a pixel its ray passes, from the middle.
    pixel_shift: vec2<f32>,
    step_mm: f32,
    // Added to where in a step the first sample lies, as a share of the step.
    step_shift: f32,
    // Width of a pixel in the world: at a depth of 1 mm, or anywhere.
    pixel_mm: f32,
    haze_per_mm: f32,
    // Texel values between which a cut face becomes opaque.
    face_clear: f32,
    face_full: f32,
    tint: f32,
    shell: f32,
    crosshair_reach: f32,
    orthographic: u32,
    max_steps: u32,
    // 1 to write the numbers of samples and of leaps in place of colours.
    report_work: u32,
}

@group(1) @binding(0) var<uniform> view: RaycastView;

const OPAQUE: f32 = 0.98;

// The part of the scan that is kept by crop box and clip planes. If one of them is where
// a ray enters, `is_cut` and the normal of the face.
struct Kept {
    span: vec2<f32>,
    normal: vec3<f32>,
    is_cut: bool,
}

fn kept_of(ray: Ray) -> Kept {
    var kept = Kept(layer_span(view.scene.scan, ray), -ray.direction, false);
    if view.crop_low.w > 0.0 {
        let crop = box_span(ray.origin, ray.direction, view.crop_low.xyz, view.crop_high.xyz);
        if crop.x > kept.span.x {
            kept = Kept(vec2<f32>(crop.x, kept.span.y), face_normal(ray, crop.x), true);
        }
        kept.span.y = min(kept.span.y, crop.y);
    }
    for (var i = 0u; i < 3u; i++) {
        let plane = view.clip_planes[i];
        let climb = dot(plane.xyz, ray.direction);
        let height = dot(plane.xyz, ray.origin) - plane.w;
        if abs(climb) < 1e-6 {
            if height > 0.0 {
                kept.span = NOWHERE;
            }
        } else if climb > 0.0 {
            kept.span.y = min(kept.span.y, -height / climb);
        } else if -height / climb > kept.span.x {
            kept = Kept(vec2<f32>(-height / climb, kept.span.y), plane.xyz, true);
        }
    }
    if kept.span.x >= kept.span.y {
        kept = Kept(NOWHERE, -ray.direction, false);
    }
    return kept;
}

// What a ray has gathered: colour multiplied by opacity, and opacity; how much of the
// crosshair is hidden by it; and the work it took.
struct Gathered {
    seen: vec4<f32>,
    hidden_line: f32,
    samples: u32,
    leaps: u32,
}

fn march(ray: Ray) -> Gathered {
    let step = view.step_mm;
    let start = fract(jitter(ray.pixel) + view.step_shift);
    let overlay = view.scene.overlay;

    let kept = kept_of(ray);
    let cut = cut_of(ray);
    // The matter before and the matter behind what is cut away.
    var span = vec2<f32>(kept.span.x, min(kept.span.y, cut.span.x));
    var rest = vec2<f32>(max(kept.span.x, cut.span.y), kept.span.y);
    if cut.span.x >= cut.span.y {
        rest = NOWHERE;
    }
    if span.x >= span.y {
        span = rest;
        rest = NOWHERE;
    }
    if span.x >= span.y {
        span = NOWHERE;
    }
    var labels = NOWHERE;
    if overlay.segmentation_fill > 0.0 || view.tint > 0.0 {
        labels = label_span(view.scene.segmentation, ray);
    }
    var heat = NOWHERE;
    if overlay.heatmap_opacity > 0.0 {
        heat = label_span(view.scene.supervoxels, ray);
    }
    var lines = NOWHERE;
    if view.region_low.w > 0.0 {
        lines = box_span(ray.origin, ray.direction, view.region_low.xyz, view.region_high.xyz);
    }
    let cross_x = crosshair_line(ray, 0u);
    let cross_y = crosshair_line(ray, 1u);
    let cross_z = crosshair_line(ray, 2u);
    let cross_first = min(cross_x.x, min(cross_y.x, cross_z.x));
    let cross_last = max(
        select(-FAR, cross_x.x, cross_x.x < FAR),
        max(select(-FAR, cross_y.x, cross_y.x < FAR), select(-FAR, cross_z.x, cross_z.x < FAR)),
    );
    let enter = min(min(min(kept.span.x, labels.x), min(heat.x, lines.x)), cross_first);
    let leave = max(max(max(kept.span.y, labels.y), max(heat.y, lines.y)), cross_last);

    let scan_origin = texel_at(view.scene.scan, ray.origin);
    let scan_direction = texel_direction(view.scene.scan, ray.direction);
    let label_origin = texel_at(view.scene.segmentation, ray.origin);
    let label_direction = texel_direction(view.scene.segmentation, ray.direction);
    let heat_origin = texel_at(view.scene.supervoxels, ray.origin);
    let heat_direction = texel_direction(view.scene.supervoxels, ray.direction);

    var gathered = Gathered(vec4<f32>(0.0), 0.0, 0u, 0u);
    var seen = vec4<f32>(0.0);
    var line_shown = 0.0;
    var index = ceil(enter / step - start);
    var before = enter - step;
    // The class and whether the mask that the ray is in.
    var label = 0u;
    var in_surface = false;
    // Whether the scan's value is known up to `reached`, and its place among the entries.
    var known = false;
    var reached = enter;
    var position_before = 0.0;
    // The value that a projection has found, and the smallest since the last dense one.
    var found = select(FAR, -FAR, matter.compositing == MAXIMUM);
    var pending = FAR;
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
        if kept.is_cut && kept.span.x > before && kept.span.x <= t
            && !contains(cut.span, kept.span.x) {
            seen = with_face(seen, ray, kept.span.x, kept.normal);
        }
        if cut.span.y > before && cut.span.y <= t && contains(kept.span, cut.span.y) {
            seen = with_face(seen, ray, cut.span.y, cut.normal);
        }
        if cross_first <= t && cross_last > before {
            for (var axis = 0u; axis < 3u; axis++) {
                let line = select(select(cross_z, cross_y, axis == 1u), cross_x, axis == 0u);
                if line.x > before && line.x <= t {
                    line_shown = max(line_shown, (1.0 - seen.a) * line.y);
                    seen = over(seen, CROSSHAIR, line.y);
                }
            }
        }

        // Surfaces passed since the last sample.
        // The nearest label is read first; membership, eight times the work, only where
        // that has changed.
        let busy = contains(labels, t) || contains(heat, t);
        var nearest_label = 0u;
        if busy || label != 0u || in_surface {
            var label_t = FAR;
            if contains(labels, t) {
                let texel = label_origin + label_direction * t;
                nearest_label = segmentation_label(nearest_texel(texel));
            }
            if nearest_label != label {
                var reached_label = nearest_label;
                if overlay.segmentation_fill > 0.0 && class_colour(nearest_label).a > 0.0 {
                    reached_label = dominant_label(label_origin + label_direction * t);
                    if reached_label != label && class_colour(reached_label).a > 0.0 {
                        label_t = label_hit(ray, reached_label, t);
                    }
                }
                label = reached_label;
            }
            var mask_t = FAR;
            var mask_id = 0u;
            if contains(heat, t) {
                let texel = heat_origin + heat_direction * t;
                let id = supervoxel_id(nearest_texel(texel));
                let has_surface = has_surface(id);
                if has_surface && !in_surface && surface_membership(texel) >= 0.5 {
                    in_surface = true;
                    mask_t = mask_hit(ray, t);
                    mask_id = id;
                }
                in_surface = in_surface && has_surface;
                if (!has_surface || view.shell > 0.0) && view.haze_per_mm > 0.0 && id != 0u {
                    seen = with_haze(seen, id, ray.pixel);
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
        }

        // The scan's matter since the last sample, or how far there is none.
        var next = t;
        var stride = 1.0;
        if t > span.x {
            let here = min(t, span.y);
            let last = select(max(t - step, span.x), reached, known);
            let texel = scan_origin + scan_direction * here;
            let brick = cell_of(texel);
            let cell = textureLoad(scan_cells, vec3<i32>(brick), 0);
            let is_empty = cell.x > 0u && cell.x < CALM;
            let is_lower = matter.compositing == MAXIMUM && f32(cell.y) / 255.0 <= found;
            if (is_empty && !known) || is_lower {
                let blocks = select(1.0, f32(cell.x), is_empty);
                next = brick_end(scan_origin, scan_direction, brick, blocks);
                known = false;
                gathered.leaps += 1u;
            } else {
                let value = scan_sampled(texel);
                gathered.samples += 1u;
                let position = entry_position(value);
                if matter.compositing == FRONT_TO_BACK {
                    if !known {
                        let texel_before = scan_origin + scan_direction * last;
                        position_before = entry_position(scan_sampled(texel_before));
                        gathered.samples += 1u;
                    }
                    var tint = vec4<f32>(0.0);
                    if view.tint > 0.0 && nearest_label != 0u {
                        tint = class_colour(nearest_label) * vec4<f32>(1.0, 1.0, 1.0, view.tint);
                    }
                    let stretch = here - last;
                    let stuff = scan_matter(
                        texel, position_before, position, stretch, seen.a, tint, ray.direction,
                    );
                    seen = over(seen, stuff.rgb, stuff.a);
                    stride = select(1.0, 2.0, cell.x == CALM && !busy);
                } else if matter.compositing == MAXIMUM {
                    found = max(found, value);
                } else if position > 0.0 {
                    pending = min(pending, value);
                    if position > 0.5 * LAST_ENTRY {
                        found = min(found, pending);
                        pending = FAR;
                    }
                }
                position_before = position;
                known = !is_empty;
                reached = here;
            }
            if t >= span.y {
                span = rest;
                rest = NOWHERE;
                known = false;
                next = t;
                stride = 1.0;
            }
        } else {
            next = span.x;
            known = false;
        }
        if busy {
            next = t;
        }
        next = min(next, min(ahead(labels, t), ahead(heat, t)));
        next = min(next, leave + step);

        before = t;
        index = max(index + stride, ceil(next / step - start));
    }
    if matter.compositing != FRONT_TO_BACK && abs(found) < FAR {
        let shown = projected(found);
        seen = over(seen, shown.rgb, shown.a);
    }
    gathered.seen = seen;
    gathered.hidden_line = max(cross_x.y, max(cross_y.y, cross_z.y)) - line_shown;
    return gathered;
}

@fragment
fn raycast(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let ray = ray_through(position.xy + view.pixel_shift);
    let gathered = march(ray);
    if view.report_work != 0u {
        let low = f32(gathered.samples & 255u);
        let high = f32(gathered.samples >> 8u);
        return vec4<f32>(low, high, f32(min(gathered.leaps, 255u)), 255.0) / 255.0;
    }
    let seen = gathered.seen;
    let down = position.y / view.size_px.y;
    let background = mix(view.background_top.rgb, view.background_bottom.rgb, down);
    // What is nearly opaque counts as opaque.
    let share = select(seen.a, 1.0, seen.a > OPAQUE);
    let colour = seen.rgb * (share / max(seen.a, 1e-6)) + background * (1.0 - share);
    // A trace of the crosshair shows through what hides it.
    let trace = 0.3 * max(gathered.hidden_line, 0.0);
    return vec4<f32>(mix(colour, CROSSHAIR, trace), 1.0);
}
