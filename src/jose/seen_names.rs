//! Finds a member name that stands twice in one object, while objects are read.

/// The most names that are kept: those of an object and of all objects around it.
const MOST_NAMES: usize = 32;

/// The names of the objects that are being read. In each object a name may stand once.
#[derive(Debug)]
pub(crate) struct SeenNames<'t> {
    names: [&'t str; MOST_NAMES],
    count: usize,
}

/// The names of one object.
#[derive(Debug)]
pub(crate) struct Members {
    start: usize,
    /// One bit for each hash of a name. If its bit is not set, a name is new.
    seen: u64,
}

impl<'t> SeenNames<'t> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { names: [""; MOST_NAMES], count: 0 }
    }

    #[inline]
    pub(crate) fn of_object(&self) -> Members {
        Members { start: self.count, seen: 0 }
    }

    /// Adds the name of another member of the innermost object. `None` if the object has that name already, or there is no room.
    #[inline]
    pub(crate) fn add(&mut self, members: &mut Members, name: &'t str) -> Option<()> {
        let bit = 1 << (mixed(name) & 63);
        if members.seen & bit != 0 && self.names.get(members.start..self.count)?.contains(&name) {
            return None;
        }
        members.seen |= bit;
        *self.names.get_mut(self.count)? = name;
        self.count += 1;
        Some(())
    }

    /// Drops the names of the innermost object at its end.
    pub(crate) fn end(&mut self, members: &Members) {
        self.count = members.start;
    }
}

/// A quick hash of a name. Different names may have the same hash.
#[inline]
fn mixed(name: &str) -> u8 {
    let [first, .., last] = name.as_bytes() else { return 0 };
    first.wrapping_mul(3) ^ last.wrapping_mul(5) ^ name.as_bytes()[name.len() / 2]
}
