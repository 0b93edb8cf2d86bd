//! Cores and memory, as this process may use them.

/// CPU cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// Physical cores of the machine
    pub physical: usize,
    /// Hardware threads this process may run on (affinity and cgroup quota counted)
    pub logical: usize,
}

impl Cores {
    /// Cores of this machine; both are at least 1.
    pub fn detect() -> Self {
        let logical = std::thread::available_parallelism().map_or(1, usize::from);
        let physical = sysinfo::System::physical_core_count().unwrap_or(logical).max(1);
        Self { physical, logical }
    }

    /// Threads for matrix work: one per physical core, never more than we may use. A second thread on a core shares its
    /// vector units and gains nothing.
    pub fn compute_threads(self) -> usize {
        self.physical.min(self.logical).max(1)
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What the machine, or the cgroup if that is smaller, has
    pub total: u64,
    /// What a program could still get without swapping; page cache counts as free
    pub available: u64,
}

impl Memory {
    /// Memory now; `None` where the operating system does not tell.
    pub fn detect() -> Option<Self> {
        let mut system = sysinfo::System::new().ok()?;
        system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
        let cgroup = system.cgroup_limits().map(|limits| (limits.total_memory, limits.free_memory));
        Some(Self::within(system.total_memory(), system.available_memory(), cgroup))
    }

    fn within(total: u64, available: u64, cgroup: Option<(u64, u64)>) -> Self {
        match cgroup {
            Some((limit, free)) if limit > 0 && limit < total => Self { total: limit, available: available.min(free) },
            _ => Self { total, available },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_never_exceed_what_we_may_use() {
        assert_eq!(Cores { physical: 8, logical: 16 }.compute_threads(), 8);
        assert_eq!(Cores { physical: 8, logical: 2 }.compute_threads(), 2);
        assert_eq!(Cores { physical: 0, logical: 0 }.compute_threads(), 1);
    }

    #[test]
    fn a_smaller_cgroup_counts() {
        assert_eq!(Memory::within(100, 60, Some((50, 10))), Memory { total: 50, available: 10 });
        assert_eq!(Memory::within(100, 60, Some((u64::MAX, 0))), Memory { total: 100, available: 60 });
        assert_eq!(Memory::within(100, 60, None), Memory { total: 100, available: 60 });
    }

    #[test]
    fn this_machine_has_some() {
        let memory = Memory::detect().expect("memory is known");
        assert!(memory.total >= memory.available && memory.available > 0);
        assert!(Cores::detect().logical >= 1);
    }
}
