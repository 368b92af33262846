//! The metrics of the process that Prometheus' own client libraries have, under their names, from Linux' /proc.
//!
//! Where there is no /proc, they are missing. Must not know the server.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Registers the metrics of this process.
pub(super) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(ProcessCollector));
}

#[derive(Debug)]
struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(process) = Process::read() else { return Ok(()) };
        let cpu = ConstCounter::new(process.cpu_seconds);
        let descriptor = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(descriptor)?;
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory", process.resident_bytes),
            ("process_virtual_memory_bytes", "Virtual memory", process.virtual_bytes),
            ("process_start_time_seconds", "Start of the process since 1970", process.start_seconds),
            ("process_open_fds", "Open file descriptors", process.open_descriptors),
            ("process_max_fds", "Maximum number of open file descriptors", process.max_descriptors),
            ("process_threads", "Threads", process.threads),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Process {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    start_seconds: f64,
    open_descriptors: f64,
    max_descriptors: f64,
    threads: f64,
}

impl Process {
    /// `None` where /proc is missing or has another format.
    fn read() -> Option<Self> {
        // Linux reports times in hundredths of a second on all platforms (USER_HZ).
        const TICKS: f64 = 100.0;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program, in parentheses, can contain spaces. The next field is number 3 of proc_pid_stat(5).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok())?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
        };
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS,
            threads: field(20)?,
            start_seconds: boot + field(22)? / TICKS,
            virtual_bytes: field(23)?,
            resident_bytes: bytes("VmRSS")?,
            // The directory is open while it is read.
            open_descriptors: fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64,
            max_descriptors: rlimit::getrlimit(rlimit::Resource::NOFILE).ok()?.0 as f64,
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_values_are_those_of_this_process() {
        let process = Process::read().expect("Linux has /proc");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        assert!((now - 86_400.0..=now + 1.0).contains(&process.start_seconds), "{process:?}");
        assert!(
            process.resident_bytes > 1e6 && process.virtual_bytes > process.resident_bytes,
            "{process:?}"
        );
        assert!(process.open_descriptors >= 3.0 && process.threads >= 2.0, "{process:?}");
        assert!(process.max_descriptors >= process.open_descriptors, "{process:?}");
    }
}
