//! Reads `multipart/form-data`, part by part.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use futures_util::StreamExt;

use super::{Body, FilePart, Files, HttpError, MAX_FIELD, Values, check_parts};
use crate::backend::Upload;

impl Body<'_> {
    pub(super) async fn multipart(
        &self,
        headers: &HeaderMap,
        payload: Payload,
    ) -> Result<(Values, Files), HttpError> {
        let mut parts = Multipart::new(headers, self.chunks(payload));
        let mut values = Vec::new();
        let mut files = self.expected_files();
        let mut count = 0;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| self.multipart_error(&error))?;
            count += 1;
            check_parts(count)?;
            let name = part.name().unwrap_or_default().to_owned();
            let is_file =
                part.content_disposition().is_some_and(|disposition| disposition.get_filename().is_some());
            let expected = files.iter_mut().find(|(expected, _)| expected.name == name);
            if expected.is_some() && !is_file {
                // A field instead of a file counts as a missing file, however long it is.
                self.discard(part).await?;
            } else if let Some((expected, upload @ None)) = expected {
                *upload = Some(self.store(part, *expected).await?);
            } else {
                let value = self.value(part).await?;
                // An unexpected file is not a parameter.
                if !is_file {
                    values.push((name, value));
                }
            }
        }
        Ok((values, files))
    }

    async fn store(&self, mut part: Field, expected: FilePart) -> Result<Upload, HttpError> {
        let mut upload = self.uploads.create();
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(|error| self.multipart_error(&error))?;
            upload = upload.write(&chunk).await.map_err(HttpError::upload)?;
            if upload.bytes > expected.limit {
                return Err(expected.too_large());
            }
        }
        upload.finish().await.map_err(HttpError::upload)
    }

    async fn discard(&self, mut part: Field) -> Result<(), HttpError> {
        while let Some(chunk) = part.next().await {
            chunk.map_err(|error| self.multipart_error(&error))?;
        }
        Ok(())
    }

    async fn value(&self, mut part: Field) -> Result<String, HttpError> {
        let mut value = Vec::new();
        while let Some(chunk) = part.next().await {
            value.extend_from_slice(&chunk.map_err(|error| self.multipart_error(&error))?);
            if value.len() as u64 > MAX_FIELD.0 {
                return Err(HttpError::FieldTooLarge(MAX_FIELD));
            }
        }
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    fn multipart_error(&self, error: &MultipartError) -> HttpError {
        let problem = match error {
            MultipartError::Payload(error) => return self.payload_error(error),
            MultipartError::Incomplete => "it stops before its closing boundary",
            MultipartError::BoundaryMissing => {
                "its boundary is missing, or is not the one that the Content-Type announces"
            }
            MultipartError::ContentDispositionMissing => "a part has no Content-Disposition: form-data",
            MultipartError::ContentDispositionNameMissing => "a part has no name",
            MultipartError::Nested => "a part is multipart itself",
            _ => "it cannot be read",
        };
        HttpError::BadRequest(format!("The multipart/form-data body is malformed: {problem}."))
    }
}
