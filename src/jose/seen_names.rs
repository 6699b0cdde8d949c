//! Finds a member name that stands twice in one object, while objects are read.

/// The most names of members that are compared at a time, of an object and of those around it.
const MOST_NAMES: usize = 32;

/// The names of the objects that are being read, in which none may stand twice.
#[derive(Debug)]
pub(crate) struct SeenNames<'t> {
    names: [&'t str; MOST_NAMES],
    count: usize,
}

/// The names of one object.
#[derive(Debug)]
pub(crate) struct Members {
    start: usize,
    /// A bit for each name: one without its bit is new.
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

    /// Takes the name of a further member of the innermost object. `None` if the object has that name, or there is no room.
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

    /// Forgets the names of the innermost object, which ended.
    pub(crate) fn end(&mut self, members: &Members) {
        self.count = members.start;
    }
}

/// A hash of a name. Other names may have the same one.
#[inline]
fn mixed(name: &str) -> u8 {
    let [first, .., last] = name.as_bytes() else { return 0 };
    first.wrapping_mul(3) ^ last.wrapping_mul(5) ^ name.as_bytes()[name.len() / 2]
}
