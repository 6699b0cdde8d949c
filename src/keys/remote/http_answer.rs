//! An answer to a request for metadata or keys, whichever HTTP client brought it.

/// What one GET brought. `body` may be left empty with any status but 200.
#[derive(Debug, Default)]
pub struct HttpAnswer<'p> {
    /// The status.
    pub status: u16,
    /// The header `ETag`.
    pub etag: Option<&'p str>,
    /// The header `Cache-Control`.
    pub cache_control: Option<&'p str>,
    /// The header `Content-Type`.
    pub media_type: Option<&'p str>,
    /// The body, or enough of it to exceed the size limit.
    pub body: Vec<u8>,
}
