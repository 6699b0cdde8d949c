//! A monotonic clock, for ages and lifetimes.

use std::time::Duration;

/// A time, counted from a fixed but unknown one.
pub type Moment = Duration;

/// Time since the machine started, sleep included where the system tells it: keys and tokens age while a machine sleeps.
#[cfg(unix)]
#[must_use]
pub fn now() -> Moment {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Moment::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Time since this process first asked. The counter that Windows gives to `Instant` goes on while a machine sleeps.
#[cfg(windows)]
#[must_use]
pub fn now() -> Moment {
    static FIRST: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    // As on other systems, no time is zero.
    FIRST.elapsed() + Duration::from_nanos(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_never_go_back() {
        let moments: Vec<_> = (0..10_000).map(|_| now()).collect();
        assert!(moments.is_sorted());
        assert!(moments[0] > Moment::ZERO);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn moments_count_from_the_start_of_the_machine_and_through_its_sleep() {
        // The kernel's uptime is the time since the start, sleep included (proc(5)), whatever the wall clock says.
        let before = now();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        // It is given in hundredths of a second.
        let shown = |moment: Moment, error: f64| moment.as_secs_f64() + error;
        assert!(shown(before, -0.02) <= uptime && uptime <= shown(now(), 0.02), "{before:?} {uptime}");
    }
}
