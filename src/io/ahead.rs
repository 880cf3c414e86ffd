//! Gzip data inflated ahead of who uses it, on a thread of its own.
//!
//! The thread and the reader exchange a few blocks, so memory stays bounded however
//! much the data would inflate to, and a reader that stops early stops the thread.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use flate2::bufread::GzDecoder;

pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a block. Small enough to stay in the cache between the two threads.
const BLOCK_BYTES: usize = 1 << 19;
/// Blocks that may wait for the reader.
const BLOCKS_AHEAD: usize = 4;
/// What is read before a thread is started: headers and small files need none, and the
/// first slice of most scans is there before a new thread would get its turn.
const INLINE_BYTES: usize = 1 << 20;

/// All members of a gzip file one after the other. Other bytes behind the last
/// member (padding of old backup programs) are left alone, as gzip does.
pub(super) struct Inflate<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Inflate<R> {
    pub fn new(reader: R) -> Self {
        Self {
            member: Some(GzDecoder::new(reader)),
        }
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.member = match self.member.take() {
                Some(finished) => {
                    let mut rest = finished.into_inner();
                    let another = rest.fill_buf()?.starts_with(&GZIP_MAGIC);
                    another.then(|| GzDecoder::new(rest))
                }
                None => None,
            };
        }
        Ok(0)
    }
}

/// A reader that another thread runs ahead of, from some way into the data on.
pub(super) struct Ahead {
    state: State,
}

enum State {
    /// Nothing runs ahead yet; `left` bytes until it does.
    Inline {
        reader: Box<dyn Read + Send>,
        left: usize,
    },
    Running(Blocks),
    Ended,
}

/// The reader's end of the exchange.
struct Blocks {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    block: Vec<u8>,
    /// How much of `block` was read.
    at: usize,
}

impl Ahead {
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            state: State::Inline {
                reader,
                left: INLINE_BYTES,
            },
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let State::Inline { reader, left } = &mut self.state {
            let most = buffer.len().min(*left);
            if most > 0 {
                let count = reader.read(buffer.get_mut(..most).unwrap_or_default())?;
                *left -= count;
                return Ok(count);
            }
            let State::Inline { reader, .. } = std::mem::replace(&mut self.state, State::Ended)
            else {
                return Ok(0);
            };
            self.state = State::Running(Blocks::start(reader)?);
        }
        let result = match &mut self.state {
            State::Running(blocks) => blocks.read(buffer),
            _ => Ok(0),
        };
        if !matches!(result, Ok(count) if count > 0) {
            self.state = State::Ended;
        }
        result
    }
}

impl Blocks {
    fn start(reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let (send_full, full) = sync_channel(BLOCKS_AHEAD);
        let (empty, receive_empty) = channel();
        thread::Builder::new()
            .name("inflate".into())
            .spawn(move || run_ahead(reader, &send_full, &receive_empty))?;
        Ok(Self {
            full,
            empty,
            block: Vec::new(),
            at: 0,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.block.len() {
            let used = std::mem::take(&mut self.block);
            if used.capacity() > 0 {
                // The thread has ended if nobody takes the memory back.
                let _ = self.empty.send(used);
            }
            self.block = self
                .full
                .recv()
                .map_err(|_| io::Error::other("the thread that inflates stopped"))??;
            self.at = 0;
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

/// Sends blocks until the data ends (an empty block), fails, or nobody wants more.
fn run_ahead(
    mut reader: Box<dyn Read + Send>,
    full: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.resize(BLOCK_BYTES, 0);
        let mut filled = 0;
        let failure = loop {
            let rest = block.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                break None;
            }
            match reader.read(rest) {
                Ok(0) => break None,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Some(e),
            }
        };
        block.truncate(filled);
        // What came before a failure counts; only the end is an empty block.
        let ended = filled == 0;
        if !(ended && failure.is_some()) && full.send(Ok(block)).is_err() {
            return;
        }
        if let Some(failure) = failure {
            let _ = full.send(Err(failure));
            return;
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn gzip_members_follow_each_other_and_padding_ends_them() {
        let member = |text: &[u8]| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text).unwrap();
            gz.finish().unwrap()
        };
        let file = [member(b"one "), member(b""), member(b"two"), vec![0; 512]].concat();
        let mut text = String::new();
        Inflate::new(file.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one two");
    }

    #[test]
    fn what_runs_ahead_arrives_whole_and_in_order() {
        for bytes in [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 9 * BLOCK_BYTES + 7] {
            let data: Vec<u8> = (0..bytes).map(|i| (i * 31 % 251) as u8).collect();
            let mut read = Vec::new();
            let mut ahead = Ahead::new(Box::new(io::Cursor::new(data.clone())));
            ahead.read_to_end(&mut read).unwrap();
            assert!(read == data, "{bytes}");
            assert_eq!(ahead.read(&mut [0; 9]).unwrap(), 0);
        }
    }

    #[test]
    fn a_failure_comes_after_what_was_read_before_it() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let count = buffer.len().min(self.0).min(10_000);
                self.0 -= count;
                Ok(count)
            }
        }
        let promised = 3 * BLOCK_BYTES + 5;
        let mut ahead = Ahead::new(Box::new(Failing(promised)));
        let mut read = Vec::new();
        let error = ahead.read_to_end(&mut read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(read.len(), promised);
    }

    #[test]
    fn a_reader_that_stops_stops_the_thread() {
        struct Endless(#[allow(dead_code, reason = "held to be dropped")] Sender<()>);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                Ok(buffer.len())
            }
        }
        let (alive, ended) = channel();
        let mut ahead = Ahead::new(Box::new(Endless(alive)));
        let mut some = vec![0; 4 * INLINE_BYTES];
        ahead.read_exact(&mut some).unwrap();
        drop(ahead);
        // Its sender is dropped with the thread's reader.
        assert!(ended.recv().is_err());
    }
}
