//! Reading back from the graphics device: a finished picture, or any buffer.
//! Both wait for what fills the buffer.

use std::sync::mpsc;
use std::time::Duration;

use super::device::GpuContext;
use super::error::GpuError;
use super::pass::Target;
use super::picture::Picture;

/// How long the device may take. Software adapters need seconds for a large one.
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

    let mapped = mapped(gpu, &buffer, submission).map_err(GpuError::Capture)?;
    let mut rgba = Vec::with_capacity(row_bytes as usize * height as usize);
    for row in mapped.chunks_exact(padded_row_bytes as usize) {
        rgba.extend_from_slice(row.get(..row_bytes as usize).unwrap_or_default());
    }
    Ok(Picture { size_px, rgba })
}

/// Waits for a submission and shows what it left in a buffer that can be mapped.
///
/// Errors: why it could not be read, in words.
pub(super) fn mapped(
    gpu: &GpuContext,
    buffer: &wgpu::Buffer,
    submission: wgpu::SubmissionIndex,
) -> Result<wgpu::BufferView, String> {
    let (sender, receiver) = mpsc::channel();
    buffer
        .slice(..)
        .map_async(wgpu::MapMode::Read, move |result| {
            // The receiver only goes away once nobody waits.
            let _ = sender.send(result);
        });
    gpu.device
        .poll(wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(PATIENCE),
        })
        .map_err(|error| error.to_string())?;
    match receiver.try_recv() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("the device did not answer".to_owned()),
    }
    buffer
        .slice(..)
        .get_mapped_range()
        .map_err(|error| error.to_string())
}
