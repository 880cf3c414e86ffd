//! What can go wrong with a graphics device.

/// Why something could not be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GpuError {
    #[error(
        "no usable graphics adapter was found ({tried}); pictures are drawn on the CPU instead"
    )]
    NoAdapter {
        /// Every adapter that was found and why it was passed over.
        tried: String,
    },
    #[error(
        "the graphics adapter {name} is too limited: {missing}; choose another adapter or \
         draw on the CPU"
    )]
    TooLimited { name: String, missing: String },
    #[error("the graphics adapter {name} could not be opened: {reason}")]
    Device { name: String, reason: String },
    #[error(
        "the graphics device has too little memory for {what} ({size_mib} MiB); close other \
         programs or choose a smaller scan"
    )]
    OutOfMemory { what: &'static str, size_mib: u64 },
    #[error("the graphics device refused {what}: {reason}")]
    Refused { what: &'static str, reason: String },
    #[error("the picture could not be read from the graphics device: {0}")]
    Capture(String),
}
