//! The memory that a million remembered proofs take, of one key or of many.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use fastmcp_rs::oauth::server::dpop::{MAX_PROOFS_OF_KEY, ReplayStore, Replayable};

const LIFE: Duration = Duration::from_secs(600);
const NOW: Duration = Duration::from_secs(10_000);
const MOST_KIB: u64 = 64 * 1024;
const KEYS: &str = "MILLION_PROOFS_OF_KEYS";
const MILLION: u32 = 1_000_000;

/// The memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn key(number: u32) -> [u8; 32] {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

/// Remembers a million proofs of so many keys, and gives the memory that they take.
fn remember(keys: u32) -> u64 {
    let store = ReplayStore::new(LIFE).unwrap();
    let before = resident();
    for number in 0..MILLION {
        store.record(&key(number % keys), &number.to_string(), NOW, LIFE).unwrap();
    }
    let taken = resident() - before;
    assert_eq!(store.len(), 1_000_000);
    assert_eq!(store.record(&key(0), "0", NOW, LIFE), Err(Replayable::Seen));
    if MILLION / keys == MAX_PROOFS_OF_KEY {
        assert_eq!(store.record(&key(0), "one more", NOW, LIFE), Err(Replayable::Full));
    }
    taken
}

/// In a process of its own, in which no other test takes memory.
#[test]
fn a_million_proofs_take_64_mib_at_most() {
    if let Ok(keys) = std::env::var(KEYS) {
        writeln!(std::io::stdout(), "taken: {}", remember(keys.parse().unwrap())).unwrap();
        return;
    }
    let name = "million_proofs::a_million_proofs_take_64_mib_at_most";
    for keys in [MILLION / MAX_PROOFS_OF_KEY, 10_000, MILLION] {
        let mut own = Command::new(std::env::current_exe().unwrap());
        let done = own.args(["--exact", name, "--nocapture"]).env(KEYS, keys.to_string()).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        let taken = told.lines().find_map(|line| line.split_once("taken: ")).unwrap_or_else(|| panic!("{told}")).1;
        assert!(taken.parse::<u64>().unwrap() <= MOST_KIB, "{taken} KiB with {keys} keys");
    }
}
