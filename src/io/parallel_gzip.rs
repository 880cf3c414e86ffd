//! One gzip stream, deflated in blocks by all threads.
//!
//! As pigz does: every block is deflated by itself and ends on a byte, so the blocks
//! follow each other in a single member that every reader of gzip files takes, also
//! those that stop after the first member. The bytes do not depend on the number of
//! threads.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use rayon::prelude::*;

/// Bytes of a block before it is deflated. Smaller ones would cost size: nothing in a
/// block refers to the one before it.
const BLOCK_BYTES: usize = 1 << 19;

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A last deflate block that holds nothing.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Deflates what is written into it. Nothing vouches for the data before `finish`.
pub(super) struct ParallelGzip<W: Write> {
    out: W,
    waiting: Vec<u8>,
    /// Bytes that are deflated at once: a block for each thread.
    batch_bytes: usize,
    checksum: Crc,
}

impl<W: Write> ParallelGzip<W> {
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self {
            out,
            waiting: Vec::new(),
            batch_bytes: BLOCK_BYTES * rayon::current_num_threads().clamp(1, 32),
            checksum: Crc::new(),
        })
    }

    /// Writes what waits and the end of the stream.
    pub fn finish(mut self) -> io::Result<W> {
        self.deflate_waiting()?;
        self.out.write_all(&LAST_BLOCK)?;
        self.out.write_all(&self.checksum.sum().to_le_bytes())?;
        self.out.write_all(&self.checksum.amount().to_le_bytes())?;
        Ok(self.out)
    }

    fn deflate_waiting(&mut self) -> io::Result<()> {
        let blocks: Vec<(Vec<u8>, Crc)> = self
            .waiting
            .par_chunks(BLOCK_BYTES)
            .map(deflate)
            .collect::<io::Result<_>>()?;
        self.waiting.clear();
        for (block, checksum) in blocks {
            self.out.write_all(&block)?;
            self.checksum.combine(&checksum);
        }
        Ok(())
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.batch_bytes - self.waiting.len();
        let count = bytes.len().min(room);
        self.waiting
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.waiting.len() == self.batch_bytes {
            self.deflate_waiting()?;
        }
        Ok(count)
    }

    /// Blocks stay whole: only `finish` writes part of one.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn deflate(block: &[u8]) -> io::Result<(Vec<u8>, Crc)> {
    let mut checksum = Crc::new();
    checksum.update(block);
    let mut deflater = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(block.len() / 2 + 64);
    loop {
        let read = usize::try_from(deflater.total_in()).unwrap_or(usize::MAX);
        let rest = block.get(read..).unwrap_or_default();
        let status = deflater
            .compress_vec(rest, &mut out, FlushCompress::Sync)
            .map_err(io::Error::other)?;
        // With room left, everything was taken and flushed to a whole byte.
        let all_in = deflater.total_in() == block.len() as u64;
        if all_in && out.len() < out.capacity() || status == Status::StreamEnd {
            return Ok((out, checksum));
        }
        out.reserve(out.capacity().max(64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn one_member_holds_everything() {
        for bytes in [0, 1, BLOCK_BYTES, 5 * BLOCK_BYTES + 3] {
            for noise in [0x1, 0xff] {
                let mut state = 1_u32;
                let data: Vec<u8> = (0..bytes)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as u8 & noise
                    })
                    .collect();
                let mut gzip = ParallelGzip::new(Vec::new()).unwrap();
                gzip.write_all(&data).unwrap();
                let file = gzip.finish().unwrap();
                // A decoder of one member only, at whose end nothing is left.
                let mut decoder = flate2::bufread::GzDecoder::new(file.as_slice());
                let mut back = Vec::new();
                decoder.read_to_end(&mut back).unwrap();
                assert!(back == data, "{bytes}");
                assert!(decoder.into_inner().is_empty());
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads() {
        let data: Vec<u8> = (0..3 * BLOCK_BYTES).map(|i| (i % 977) as u8).collect();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut gzip = ParallelGzip::new(Vec::new()).unwrap();
                gzip.write_all(&data).unwrap();
                gzip.finish().unwrap()
            })
        };
        assert!(with(1) == with(3));
    }
}
