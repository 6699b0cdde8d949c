//! The method of a request and its URL, as the clients of a server know it.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::request::{each_header, octets, scope_of};
use crate::oauth::server::dpop::{Forwarded, ForwardedHeaders, TargetUri, request_path};

/// The URL of a path of the application, or of the whole application.
pub(super) struct KnownUrl<'k> {
    pub(super) url: &'k str,
    pub(super) path: Option<&'k str>,
}

/// The method of a request, and its URL as clients use it, as far as they are known.
pub(super) fn method_and_url(
    request: &Bound<'_, PyAny>,
    known: Option<KnownUrl<'_>>,
    trusts_forwarded: bool,
) -> PyResult<(Option<Box<str>>, Option<TargetUri>)> {
    let py = request.py();
    let Ok(scope) = scope_of(request).and_then(|scope| Ok(scope.cast_into::<PyDict>()?)) else {
        // A request of another framework.
        let method = request.getattr(intern!(py, "method"))?.extract::<String>()?;
        let url = request.getattr(intern!(py, "url"))?.str()?;
        return Ok((Some(method.into()), TargetUri::parse(url.to_str()?)));
    };
    let text = |name: &'static str| scope.get_item(name);
    // The scope of a WebSocket has no method: it is a GET (RFC 6455 section 4.1).
    let method = text("method")?.map_or(Ok("GET".to_owned()), |method| method.extract::<String>())?;
    let path = text("path")?.map_or(Ok(String::new()), |path| path.extract::<String>())?;
    let raw = text("raw_path")?;
    let raw = raw.as_ref().and_then(octets).and_then(|raw| std::str::from_utf8(raw).ok());
    let root = text("root_path")?.map_or(Ok(String::new()), |root| root.extract::<String>())?;
    if let Some(known) = known {
        let before = known.path.unwrap_or(&root);
        let url = TargetUri::parse(known.url).and_then(|url| url.join(&request_path(&path, raw, before, false)));
        return Ok((Some(method.into()), url));
    }
    let scheme = text("scheme")?.map_or(Ok("http".to_owned()), |scheme| scheme.extract::<String>())?;
    let server = text("server")?.and_then(|server| server_host(&server).ok());
    let said = said(request, trusts_forwarded);
    let scheme = match &said.scheme {
        Part::Unsaid => Some(&scheme),
        Part::As(scheme) => Some(scheme),
        Part::Unclear => None,
    };
    let host = match &said.host {
        Part::Unsaid => server.as_ref(),
        Part::As(host) => Some(host),
        Part::Unclear => None,
    };
    let url = scheme
        .zip(host)
        .and_then(|(scheme, host)| TargetUri::of_request(scheme, host, &request_path(&path, raw, &root, true)));
    Ok((Some(method.into()), url))
}

/// A part of the URL, from headers.
enum Part {
    Unsaid,
    As(String),
    Unclear,
}

impl From<Forwarded<'_>> for Part {
    fn from(forwarded: Forwarded<'_>) -> Self {
        match forwarded {
            Forwarded::Unsaid => Self::Unsaid,
            Forwarded::As(text) => Self::As(text.to_owned()),
            Forwarded::Unclear => Self::Unclear,
        }
    }
}

struct SaidUrl {
    scheme: Part,
    host: Part,
}

/// The headers of a request about its URL: `Host`, and those of a proxy if they are trusted.
fn said(request: &Bound<'_, PyAny>, trusts_forwarded: bool) -> SaidUrl {
    let (mut hosts, mut forwarded, mut schemes, mut forwarded_hosts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // An object of another kind has no headers.
    let _ = each_header(request, |name, value| {
        let Some(name) = octets(name) else { return };
        let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        let kept = if is(b"host") {
            &mut hosts
        } else if !trusts_forwarded {
            return;
        } else if is(b"forwarded") {
            &mut forwarded
        } else if is(b"x-forwarded-proto") {
            &mut schemes
        } else if is(b"x-forwarded-host") {
            &mut forwarded_hosts
        } else {
            return;
        };
        // A value that is not bytes is ignored.
        kept.push(octets(value).unwrap_or(b"\xff").to_vec());
    });
    let headers = ForwardedHeaders {
        forwarded: forwarded.iter().map(Vec::as_slice).collect(),
        scheme: schemes.iter().map(Vec::as_slice).collect(),
        host: forwarded_hosts.iter().map(Vec::as_slice).collect(),
    };
    let (scheme, host) = headers.read();
    let host = match (Part::from(host), &hosts[..]) {
        (Part::Unsaid, [host]) => String::from_utf8(host.clone()).map_or(Part::Unclear, Part::As),
        (Part::Unsaid, [_, _, ..]) => Part::Unclear,
        (said, _) => said,
    };
    SaidUrl { scheme: scheme.into(), host }
}

/// Host and port of an ASGI server.
fn server_host(server: &Bound<'_, PyAny>) -> PyResult<String> {
    let (host, port) = (server.get_item(0)?.extract::<String>()?, server.get_item(1)?.extract::<u16>()?);
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}
