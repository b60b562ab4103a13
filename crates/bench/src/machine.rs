//! What the figures were measured on, and what processes use: read from `/proc`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::figures::Samples;

/// Linux counts processor time in hundredths of a second (`USER_HZ`), on every architecture that we build for.
const TICKS: f64 = 100.0;

/// Processor seconds, user and system, that a process has used; 0 if it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The command name may hold spaces and brackets: fields are counted after the last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (field(11) + field(12)) / TICKS
}

/// Processor seconds of a server that works in child processes, as PostgreSQL does: the living ones, and those that have ended.
pub(crate) fn family_cpu_seconds(parent: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ended: f64 = [13, 14].iter().filter_map(|index| fields.get(*index)?.parse::<f64>().ok()).sum::<f64>() / TICKS;
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let living: f64 = children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(cpu_seconds).sum();
    cpu_seconds(parent) + ended + living
}

/// Resident memory in bytes; 0 if the process is gone.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// How long the disk below `folder` takes to keep 8 KiB for good, in microseconds: the median of many. It bounds what one connection can commit.
pub(crate) fn sync_microseconds(folder: &Path) -> io::Result<f64> {
    let path = folder.join("sync");
    let mut file = fs::File::create(&path)?;
    let mut took = Samples::default();
    for _ in 0..200 {
        file.write_all(&[0x24; 8192])?;
        let started = Instant::now();
        file.sync_data()?;
        took.push(started.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    Ok(took.median())
}

/// The machine and the versions, as lines of a table: what, and which.
pub(crate) fn facts() -> Vec<(&'static str, String)> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("unknown", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let version = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        // What follows the version (hashes of builds) is of no use here.
        text.split_whitespace()
            .filter(|word| !["(", "sha="].iter().any(|start| word.starts_with(start)))
            .take(3)
            .collect::<Vec<_>>()
            .join(" ")
    };
    vec![
        ("Processor", format!("{model}, {cores} cores")),
        ("Memory", format!("{:.0} GiB", memory.unwrap_or_default() as f64 / 1024.0 / 1024.0)),
        ("Kernel", version("uname", &["-sr"])),
        ("Disk", disk()),
        ("Rust", version("rustc", &["--version"])),
        ("Redis", version("redis-server", &["--version"])),
        ("MongoDB", version("mongod", &["--version"])),
    ]
}

/// The device below the working directory and its file system.
fn disk() -> String {
    let output = Command::new("df").args(["--output=source,fstype", "."]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().nth(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let me = std::process::id();
        let before = cpu_seconds(me);
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed().as_millis() < 100 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(cpu_seconds(me) - before >= 0.03, "{before} {}", cpu_seconds(me));
        assert!(family_cpu_seconds(me) >= cpu_seconds(me) - 0.01);
        assert!(resident(me) > 1 << 20);
        assert_eq!((cpu_seconds(u32::MAX), resident(u32::MAX)), (0.0, 0));
    }
}
