//! The flows of the fair queue: the questions of one flow wait for each other, and for no other flow for long.

use std::net::Ipv6Addr;

/// Each peer has two flows: the tokens that were active when the endpoint was last asked, and all others. So made-up tokens do not
/// delay good ones if a proxy makes all clients one peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct QueueFlow {
    peer: Box<str>,
    pub(super) is_known: bool,
}

impl QueueFlow {
    /// The flow of a token that came from this address, which is empty if it is not known.
    pub(super) fn new(address: &str, is_known: bool) -> Self {
        Self { peer: peer(address), is_known }
    }
}

/// An IPv6 address counts by its first 64 bits: one host has all the addresses of such a network.
fn peer(address: &str) -> Box<str> {
    let without_zone = address.split('%').next().unwrap_or(address);
    let Ok(v6) = without_zone.parse::<Ipv6Addr>() else { return address.into() };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.to_string().into();
    }
    let [a, b, c, d, ..] = v6.segments();
    format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_is_one_peer() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_eq!(peer("fe80::1%eth0"), peer("fe80::2%eth0"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8:0:2::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!((&*peer(""), &*peer("a socket's name")), ("", "a socket's name"));
    }
}
