//! This process as the system sees it: `/proc/self`, and nothing where there is none.

use std::fs;

/// What is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// Resident memory, bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// CPU time, seconds.
    pub(crate) cpu_s: Option<f64>,
    /// Open files.
    pub(crate) files: Option<u64>,
}

/// Reads it.
pub(crate) fn read() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut process = of_stat(&stat, rustix::param::page_size() as u64, rustix::param::clock_ticks_per_second() as f64);
    process.files = fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64);
    process
}

/// Fields of `stat` by proc(5): 14 and 15 are ticks of CPU, 24 is pages. The name in brackets may hold anything.
fn of_stat(stat: &str, page: u64, ticks_a_second: f64) -> Process {
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok());
    Process {
        memory_bytes: field(24).map(|pages| pages * page),
        cpu_s: field(14).zip(field(15)).map(|(user, system)| (user + system) as f64 / ticks_a_second),
        files: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "7 (moor) line) S 1 7 7 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 9 0 1 99 300 1 1";
        let process = of_stat(stat, 4096, 100.0);
        assert_eq!((process.memory_bytes, process.cpu_s), (Some(300 * 4096), Some(3.0)));
        assert_eq!(of_stat("", 4096, 100.0), Process::default());
    }
}
