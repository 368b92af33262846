//! Reading `multipart/form-data`, part by part.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::HeaderMap;
use actix_web::web;
use futures_util::StreamExt;

use super::{Body, HttpError};
use crate::http::spool::Spool;
use crate::http::uploads::{Upload, UploadWriter};

type Parts = (Vec<(String, String)>, Option<Upload>);

impl Body {
    pub(crate) async fn multipart(
        &self,
        headers: &HeaderMap,
        payload: web::Payload,
        spool: &Spool,
    ) -> Result<Parts, HttpError> {
        let mut parts = Multipart::new(headers, self.arriving(payload));
        let mut values = Vec::new();
        let mut file = None;
        let mut count = 0;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| self.malformed(&error))?;
            count += 1;
            Self::check_parts(count)?;
            let name = part.name().unwrap_or_default().to_owned();
            let named = part.content_disposition().is_some_and(|about| about.get_filename().is_some());
            if file.is_none() && self.wanted.is_some_and(|wanted| wanted.name == name) {
                file = Some(self.to_disk(part, spool).await?);
            } else {
                let value = self.in_memory(part).await?;
                // A file that nobody asked for is no parameter.
                if !named {
                    values.push((name, value));
                }
            }
        }
        Ok((values, file))
    }

    async fn to_disk(&self, mut part: Field, spool: &Spool) -> Result<Upload, HttpError> {
        let failed = |error: std::io::Error| HttpError::keeping_an_upload(&error);
        let limit = self.wanted.map_or(0, |wanted| wanted.limit);
        let mut file = UploadWriter::new(spool.file().map_err(failed)?);
        while let Some(chunk) = part.next().await {
            file = file.push(&chunk.map_err(|error| self.malformed(&error))?).await.map_err(failed)?;
            if file.bytes() > limit {
                return Err(self.too_large());
            }
        }
        file.finish().await.map_err(failed)
    }

    async fn in_memory(&self, mut part: Field) -> Result<String, HttpError> {
        let mut value = Vec::new();
        while let Some(chunk) = part.next().await {
            value.extend_from_slice(&chunk.map_err(|error| self.malformed(&error))?);
            if value.len() as u64 > super::MAX_FIELD_BYTES {
                return Err(Self::field_too_large());
            }
        }
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    fn malformed(&self, error: &MultipartError) -> HttpError {
        let problem = match error {
            MultipartError::Payload(error) => return self.broken(error),
            MultipartError::Incomplete => "it stops before its closing boundary",
            MultipartError::BoundaryMissing => "its boundary is not where it should be, or was not announced",
            MultipartError::ContentDispositionMissing => "a part has no Content-Disposition: form-data",
            MultipartError::ContentDispositionNameMissing => "a part has no name",
            MultipartError::Nested => "a part is multipart itself",
            _ => "it cannot be read",
        };
        HttpError::BadRequest(format!("The multipart/form-data body is malformed: {problem}."))
    }
}
