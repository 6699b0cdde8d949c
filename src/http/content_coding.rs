//! Decompresses answers (RFC 9110 section 8.4). The bound on their size holds for the decompressed body as well.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::error::HttpError;

/// The `Accept-Encoding` of requests (RFC 9110 section 12.5.3): plain answers are preferred, since these documents are small.
pub const ACCEPT_ENCODING: &str = "identity, gzip;q=0.5, deflate;q=0.5";

/// The most codings of one answer. Each costs a pass over the body, and a header could name thousands.
const MOST_CODINGS: usize = 2;

/// Decodes a body by the value of its header `Content-Encoding`. The result has `most` bytes at most.
///
/// A name that is not a compression (`utf-8`, `none`) is ignored, as in httpx.
///
/// # Errors
/// It is longer, is compressed in another way than with gzip or deflate, or is not what the header says.
pub fn decode(mut body: Vec<u8>, codings: &str, most: usize) -> Result<Vec<u8>, HttpError> {
    let mut applied = Vec::new();
    for name in codings.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        match name.as_str() {
            "gzip" | "x-gzip" => applied.push(Coding::Gzip),
            "deflate" => applied.push(Coding::Deflate),
            "br" => return Err(HttpError::UnknownCoding("br")),
            "zstd" => return Err(HttpError::UnknownCoding("zstd")),
            "compress" | "x-compress" => return Err(HttpError::UnknownCoding("compress")),
            _ => {}
        }
    }
    if applied.len() > MOST_CODINGS {
        return Err(HttpError::Coding("compressed more than twice"));
    }
    if !applied.is_empty() && body.len() > most {
        return Err(HttpError::TooLarge);
    }
    // In the order in which they were applied.
    while let Some(coding) = applied.pop() {
        body = coding.inflate(&body, most)?;
    }
    Ok(body)
}

enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    fn inflate(&self, body: &[u8], most: usize) -> Result<Vec<u8>, HttpError> {
        match self {
            Self::Gzip => read(GzDecoder::new(body), most)?
                .ok_or(HttpError::Coding("not the gzip that its Content-Encoding says")),
            // `deflate` is zlib's format (RFC 1950); some servers send raw deflate (RFC 1951), which every client accepts.
            Self::Deflate => match read(ZlibDecoder::new(body), most)? {
                Some(inflated) => Ok(inflated),
                None => read(DeflateDecoder::new(body), most)?
                    .ok_or(HttpError::Coding("not the deflate that its Content-Encoding says")),
            },
        }
    }
}

/// The whole result, or `None` if the data is broken.
fn read(decoder: impl Read, most: usize) -> Result<Option<Vec<u8>>, HttpError> {
    let mut inflated = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(bound).read_to_end(&mut inflated) {
        Ok(_) if inflated.len() > most => Err(HttpError::TooLarge),
        Ok(_) => Ok(Some(inflated)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_both_forms_of_deflate_are_read() {
        for (body, codings) in [
            (b"{}".to_vec(), ""),
            (b"{}".to_vec(), "identity"),
            (b"{}".to_vec(), "utf-8"),
            (gzip(b"{}"), "gzip"),
            (gzip(b"{}"), "X-GZIP"),
            (gzip(b"{}"), "identity, gzip"),
            (zlib(b"{}"), "deflate"),
            (bare(b"{}"), "deflate"),
            (gzip(&zlib(b"{}")), "deflate, gzip"),
        ] {
            assert_eq!(decode(body, codings, 64).unwrap(), b"{}", "{codings}");
        }
    }

    #[test]
    fn the_bound_is_on_what_is_inflated() {
        let bomb = vec![b' '; 100_000_000];
        for (body, codings) in [(gzip(&bomb), "gzip"), (zlib(&bomb), "deflate"), (bare(&bomb), "deflate")] {
            assert_eq!(decode(body, codings, 1024 * 1024), Err(HttpError::TooLarge), "{codings}");
        }
        let text = [b' '; 100];
        assert_eq!(decode(gzip(&text), "gzip", 100).unwrap(), text);
        assert_eq!(decode(gzip(&text), "gzip", 99), Err(HttpError::TooLarge));
        assert_eq!(decode(gzip(b"{}"), "gzip", 9), Err(HttpError::TooLarge), "it is longer compressed");
        assert_eq!(decode(gzip(&gzip(&bomb)), "gzip, gzip", 1024 * 1024), Err(HttpError::TooLarge));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_it() {
        for (codings, known) in [("br", "br"), ("zstd", "zstd"), ("x-compress", "compress"), ("gzip, br", "br")] {
            assert_eq!(decode(b"{}".to_vec(), codings, 9), Err(HttpError::UnknownCoding(known)), "{codings}");
        }
        let cut = gzip(b"{}");
        let mut altered = gzip(b"{}");
        let last = altered.len() - 5;
        altered[last] ^= 1;
        for body in [b"{}".to_vec(), cut[..cut.len() - 1].to_vec(), altered, Vec::new()] {
            assert!(matches!(decode(body, "gzip", 64), Err(HttpError::Coding(_))));
        }
        assert!(matches!(decode(b"{}".to_vec(), "deflate", 64), Err(HttpError::Coding(_))));
        let thrice = gzip(&gzip(&gzip(b"{}")));
        assert!(matches!(decode(thrice, "gzip, gzip, gzip", 99), Err(HttpError::Coding(_))));
    }
}
