//! Reading a finished picture back from the graphics device.

use std::sync::mpsc;
use std::time::Duration;

use super::device::GpuContext;
use super::error::GpuError;
use super::pass::Target;
use super::picture::Picture;

/// How long a picture may take. Software adapters need seconds for a large one.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for a target's picture and reads it.
pub fn capture(gpu: &GpuContext, target: &Target) -> Result<Picture, GpuError> {
    let size_px @ [width, height] = target.size_px();
    let row_bytes = width * 4;
    let padded_row_bytes = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let bytes = u64::from(padded_row_bytes) * u64::from(height);
    let buffer = gpu.checked("a copy of the picture", bytes, || {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("capture"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    })?;
    let mut encoder = gpu
        .device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_texture_to_buffer(
        target.texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(padded_row_bytes),
                rows_per_image: Some(height),
            },
        },
        target.texture.size(),
    );
    let submission = gpu.queue.submit([encoder.finish()]);

    let failed = |reason: String| GpuError::Capture(reason);
    let (sender, receiver) = mpsc::channel();
    buffer
        .slice(..)
        .map_async(wgpu::MapMode::Read, move |result| {
            // The receiver only goes away once nobody waits for the picture.
            let _ = sender.send(result);
        });
    gpu.device
        .poll(wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(PATIENCE),
        })
        .map_err(|error| failed(error.to_string()))?;
    match receiver.try_recv() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed("the device did not answer".to_owned())),
    }
    let mapped = buffer
        .slice(..)
        .get_mapped_range()
        .map_err(|error| failed(error.to_string()))?;
    let mut rgba = Vec::with_capacity(row_bytes as usize * height as usize);
    for row in mapped.chunks_exact(padded_row_bytes as usize) {
        rgba.extend_from_slice(row.get(..row_bytes as usize).unwrap_or_default());
    }
    Ok(Picture { size_px, rgba })
}
