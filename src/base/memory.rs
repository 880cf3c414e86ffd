//! How much memory there is, and how much may be used.

use std::str::FromStr;

/// The most memory that work may use, if it is bounded. Written as `512M`, `2G` or
/// `1.5GiB`; every unit is a power of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryLimit {
    bytes: Option<u64>,
}

/// A text that is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount of memory; write for example 512M or 2G")]
pub struct MemoryLimitError(String);

impl MemoryLimit {
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes) }
    }

    /// What this limit allows in main memory: its own number, or nine tenths of what
    /// the system says is free. `None` where neither is known.
    pub fn main_memory_bytes(self) -> Option<u64> {
        self.bytes
            .or_else(|| available_bytes().map(|bytes| bytes / 10 * 9))
    }

    /// The number that was asked for, if any.
    pub fn bytes(self) -> Option<u64> {
        self.bytes
    }
}

impl FromStr for MemoryLimit {
    type Err = MemoryLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || MemoryLimitError(text.to_owned());
        let trimmed = text.trim().to_ascii_lowercase();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let factor = match unit.trim().trim_end_matches("ib").trim_end_matches('b') {
            "" => 1_u64,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let bytes = number * factor as f64;
        if bytes >= 1.0 && bytes < 2.0_f64.powi(62) {
            Ok(Self::of_bytes(bytes as u64))
        } else {
            Err(wrong())
        }
    }
}

/// Main memory that can be had without swapping, where the system tells it.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let free = kibibytes.checked_mul(1024)?;
    Some(container_bytes().map_or(free, |rest| rest.min(free)))
}

/// What a container allows besides what it uses now; its file cache can be had.
fn container_bytes() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let most = number(&read("memory.max")?)?;
    let used = number(&read("memory.current")?)?;
    let statistics = read("memory.stat")?;
    let cached: u64 = statistics
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| matches!(*name, "inactive_file" | "active_file"))
        .filter_map(|(_, value)| number(value))
        .sum();
    Some(most.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_nonsense_is_not() {
        for (text, bytes) in [
            ("1000", 1000),
            ("512M", 512 << 20),
            ("2g", 2 << 30),
            ("1.5 GiB", 3 << 29),
            ("64kb", 64 << 10),
        ] {
            assert_eq!(text.parse(), Ok(MemoryLimit::of_bytes(bytes)), "{text}");
        }
        for text in ["", "much", "2X", "-1G", "0", "1e9T", "2G more"] {
            assert!(text.parse::<MemoryLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_comes_before_what_the_system_has() {
        assert_eq!(MemoryLimit::of_bytes(7).main_memory_bytes(), Some(7));
        if cfg!(target_os = "linux") {
            let free = MemoryLimit::default().main_memory_bytes();
            assert!(free.is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
