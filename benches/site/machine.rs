//! The machine under it: how fast its disk flushes, how busy it is, what processes take of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, process};

/// How long the disk is tried.
const PROBE: Duration = Duration::from_secs(1);
/// What a flush carries there: one page.
const PAGE: [u8; 4096] = [0x5a; 4096];
/// Linux counts CPU time in hundredths of a second.
const TICK_MILLIS: u64 = 10;

/// Ends the run where temporary files are in memory: nothing is durable there.
pub fn refuse_memory_disk() {
    let folder = env::temp_dir().canonicalize().expect("there are temporary files");
    let mounts = fs::read_to_string("/proc/mounts").expect("Linux lists its file systems");
    let places = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let (_, system) = places
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len())
        .expect("something is mounted");
    assert_ne!(system, "tmpfs", "temporary files are in memory: set TMPDIR to a folder on a disk");
}

/// How often a second one page can be appended and flushed, in that folder.
pub fn flushes_per_second(folder: &Path) -> u64 {
    let path = folder.join("flushed");
    let mut file = OpenOptions::new().create_new(true).append(true).open(&path).expect("a file");
    let (mut flushes, began) = (0_u64, Instant::now());
    while began.elapsed() < PROBE {
        file.write_all(&PAGE).and_then(|()| file.sync_data()).expect("the disk takes it");
        flushes += 1;
    }
    fs::remove_file(&path).expect("the file goes");
    flushes * 1_000 / u64::try_from(began.elapsed().as_millis()).expect("a short time")
}

/// The system's load, as it says itself: of one minute.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// A line of `/proc/<id>/status`, in MB (10^6).
pub fn memory_mb(id: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let told = status.lines().find_map(|text| text.strip_prefix(line)).expect("Linux tells it");
    let kib: u64 = told.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1_024 / 1_000_000
}

/// CPU time so far, in milliseconds.
pub struct Cpu {
    server: u64,
    generator: u64,
    postgres: u64,
}

impl Cpu {
    /// Of the server, of this process, and of PostgreSQL with all its children.
    pub fn of(server: u32, postmaster: Option<u32>) -> Self {
        let postgres = postmaster.map_or(0, |postmaster| {
            // Those that have ended count with their parent.
            let children = processes().filter(|id| parent(*id) == Some(postmaster));
            ticks(postmaster, 4) + children.map(|id| ticks(id, 2)).sum::<u64>()
        });
        let server = ticks(server, 2);
        let generator = ticks(process::id(), 2);
        Self { server: server * TICK_MILLIS, generator: generator * TICK_MILLIS, postgres: postgres * TICK_MILLIS }
    }

    /// What server and PostgreSQL took since, in microseconds.
    pub fn served_micros(&self, before: &Self) -> u64 {
        (self.server + self.postgres).saturating_sub(before.server + before.postgres) * 1_000
    }
}

/// How many hundredths of a core each of server, generator and PostgreSQL took.
pub fn cores_busy(before: &Cpu, after: &Cpu, wall: Duration) -> [u64; 3] {
    let wall = u64::try_from(wall.as_millis()).unwrap_or(1).max(1);
    let share = |before: u64, after: u64| after.saturating_sub(before) * 100 / wall;
    [
        share(before.server, after.server),
        share(before.generator, after.generator),
        share(before.postgres, after.postgres),
    ]
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("Linux lists its processes").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fields of `/proc/<id>/stat` after the name, which may hold blanks.
fn stat(id: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().map(str::to_owned).collect()
}

fn parent(id: u32) -> Option<u32> {
    stat(id).get(1)?.parse().ok()
}

/// User and system time, and with 4 fields also that of children that have ended.
fn ticks(id: u32, fields: usize) -> u64 {
    stat(id).iter().skip(11).take(fields).filter_map(|field| field.parse::<u64>().ok()).sum()
}
