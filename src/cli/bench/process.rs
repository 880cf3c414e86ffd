//! What the system tells about this process: memory, processor time. Linux tells all
//! of it; elsewhere the answers are `None` and the measurements do without.

use std::fs;

/// The processor's name, where the system tells it.
pub(super) fn processor() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The most memory this process has used since its start or since
/// [`forget_peak_memory`].
pub(super) fn peak_memory_mib() -> Option<f64> {
    status_mib("VmHWM:")
}

/// The memory this process uses now.
pub(super) fn resident_memory_mib() -> Option<f64> {
    status_mib("VmRSS:")
}

/// Starts the peak anew from what is used now. Whether the system could.
pub(super) fn forget_peak_memory() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn status_mib(name: &str) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Seconds that all threads of this process together have run, in user and in system
/// code.
pub(super) fn cpu_seconds() -> Option<f64> {
    // What Linux counts in for programs, on every architecture this one is built for.
    const TICKS_PER_SECOND: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// Mebibytes in words.
pub(super) fn memory_text(mib: Option<f64>) -> String {
    mib.map_or_else(|| "not known".to_owned(), |mib| format!("{mib:.0} MiB"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all() {
        let peak = peak_memory_mib().unwrap();
        let resident = resident_memory_mib().unwrap();
        assert!(
            resident > 1.0 && peak >= resident * 0.9,
            "{peak} {resident}"
        );
        let before = cpu_seconds().unwrap();
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed().as_millis() < 200 {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        assert!(cpu_seconds().unwrap() > before);
    }
}
