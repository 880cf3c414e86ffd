// What lies in the volume besides the scan's matter: faces where it is cut, lines, the
// surfaces of classes and of the relevance mask, haze. Twin: src/gpu/twin/objects.rs.

fn over(front: vec4<f32>, colour: vec3<f32>, opacity: f32) -> vec4<f32> {
    let seen = (1.0 - front.a) * opacity;
    return vec4<f32>(front.rgb + colour * seen, front.a + seen);
}

// Where the scan is cut open, its face shows what a slice there would show.
fn with_face(front: vec4<f32>, ray: Ray, t: f32, normal: vec3<f32>) -> vec4<f32> {
    let place = ray.origin + ray.direction * t;
    let value = scan_sampled(texel_at(view.scene.scan, place));
    let opacity = smoothstep(view.face_clear, view.face_full, value);
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
    // As a shell the mask is glass: dense where it is seen from the side.
    let grazing = 1.0 - abs(dot(normal, ray.direction));
    let solid = mix(1.0, 0.10 + 0.80 * grazing * grazing, view.shell);
    return over(front, colour, overlay.heatmap_opacity * solid);
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

// Where a ray passes the line of the crosshair along an axis, and how much of the line
// it sees there.
fn crosshair_line(ray: Ray, axis: u32) -> vec2<f32> {
    var along = vec3<f32>(0.0);
    along[axis] = 1.0;
    let from_middle = ray.origin - view.crosshair.xyz;
    let slant = ray.direction[axis];
    let across = 1.0 - slant * slant;
    if view.crosshair.w <= 0.0 || across < 1e-6 {
        return vec2<f32>(FAR, 0.0);
    }
    let depth = dot(ray.direction, from_middle);
    let height = from_middle[axis];
    let t = (slant * height - depth) / across;
    let s = (height - slant * depth) / across;
    let distance = length(from_middle + ray.direction * t - along * s);
    // A gap in the middle leaves the place itself to be seen.
    if t <= 0.0 || abs(s) > view.crosshair_reach || abs(s) < 0.08 * view.crosshair_reach {
        return vec2<f32>(FAR, 0.0);
    }
    let line = clamp(1.4 - distance / pixel_size(t), 0.0, 1.0);
    return vec2<f32>(select(FAR, t, line > 0.0), line * view.crosshair.w);
}

const CROSSHAIR: vec3<f32> = vec3<f32>(0.36, 0.86, 0.78);

// The face of the crop box that a ray enters through.
fn face_normal(ray: Ray, t: f32) -> vec3<f32> {
    let place = ray.origin + ray.direction * t;
    let middle = 0.5 * (view.crop_low.xyz + view.crop_high.xyz);
    let half_size = max(0.5 * (view.crop_high.xyz - view.crop_low.xyz), vec3<f32>(1e-6));
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
