//! The response to `POST /configure` and `GET /metadata/{job_id}`.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use serde_json::Value;

/// A configure response as it came; the accessors read it tolerantly and nothing of it is lost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigureResponse {
    raw: Value,
}

impl From<Value> for ConfigureResponse {
    fn from(raw: Value) -> Self {
        Self { raw }
    }
}

impl ConfigureResponse {
    /// The whole response.
    #[must_use]
    pub const fn raw(&self) -> &Value {
        &self.raw
    }

    /// Returns the whole response and consumes `self`.
    #[must_use]
    pub fn into_raw(self) -> Value {
        self.raw
    }

    /// The job's name (`12-70788`); an integer is taken as text.
    #[must_use]
    pub fn job_id(&self) -> Option<String> {
        match self.raw.get("job_id")? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The address of the job's stream, as the response writes it; use [`Self::endpoint`].
    #[must_use]
    pub fn stream_url(&self) -> Option<&str> {
        self.raw.get("stream_url")?.as_str()
    }

    /// The job's port, from an integer or a string.
    #[must_use]
    pub fn stream_port(&self) -> Option<u16> {
        self.integer("stream_port")
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0)
    }

    /// Number of streams of the job; 1 when the answer does not say.
    #[must_use]
    pub fn stream_amount(&self) -> u32 {
        let amount = self
            .integer("stream_amount")
            .and_then(|amount| u32::try_from(amount).ok());
        amount.unwrap_or(1).max(1)
    }

    /// Number of channels that are streamed.
    #[must_use]
    pub fn channel_amount(&self) -> Option<u64> {
        self.integer("channel_amount").and_then(|amount| amount.try_into().ok())
    }

    /// Maps each channel to its stream; entries that are not numbers are left out.
    #[must_use]
    pub fn channel_to_stream_index(&self) -> BTreeMap<i64, u32> {
        let entries = self.raw.get("channel_to_stream_index").and_then(Value::as_object);
        let number = |(channel, stream): (&String, &Value)| {
            Some((channel.trim().parse().ok()?, u32::try_from(integer(stream)?).ok()?))
        };
        entries.into_iter().flatten().filter_map(number).collect()
    }

    /// The frequency of each bin, Hz.
    #[must_use]
    pub fn frequencies_list(&self) -> Option<Vec<f64>> {
        self.raw
            .get("frequencies_list")?
            .as_array()?
            .iter()
            .map(float)
            .collect()
    }

    /// Number of frequency bins.
    #[must_use]
    pub fn frequencies_amount(&self) -> Option<u64> {
        self.integer("frequencies_amount")
            .and_then(|amount| amount.try_into().ok())
    }

    /// Seconds from one row to the next.
    #[must_use]
    pub fn lines_dt_s(&self) -> Option<f64> {
        self.raw.get("lines_dt").and_then(float)
    }

    /// The view's number.
    #[must_use]
    pub fn view_type(&self) -> Option<i64> {
        self.integer("view_type")
    }

    /// `""` in production, `Config received successfully` in the specification.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.raw.get("status")?.as_str()
    }

    /// The keys that identify the site.
    #[must_use]
    pub fn metadata(&self) -> Option<&Value> {
        self.raw.get("metadata").filter(|metadata| !metadata.is_null())
    }

    /// The address to dial.
    ///
    /// `stream_port` wins over a port in `stream_url`. A host that is missing, or stands for any address (`0.0.0.0`,
    /// `[::]`), is the host that answered the request.
    ///
    /// ```
    /// use grpc_capture::das::ConfigureResponse;
    /// let answer = serde_json::json!({"stream_url": "http://10.1.2.3:1", "stream_port": "12301"});
    /// let endpoint = ConfigureResponse::from(answer).endpoint("focus.example")?;
    /// assert_eq!(endpoint.authority(), "10.1.2.3:12301");
    /// # Ok::<(), grpc_capture::das::EndpointError>(())
    /// ```
    pub fn endpoint(&self, rest_host: &str) -> Result<Endpoint, EndpointError> {
        let url = self.stream_url().unwrap_or_default().trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Some(EndpointScheme::of(scheme, url)?), rest),
            None => (None, url),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, url_port) = split_port(authority).ok_or_else(|| EndpointError::Url { url: url.to_owned() })?;
        let port = match self.raw.get("stream_port") {
            None | Some(Value::Null) => url_port.or_else(|| scheme.map(EndpointScheme::default_port)),
            Some(Value::String(text)) if text.trim().is_empty() => {
                url_port.or_else(|| scheme.map(EndpointScheme::default_port))
            }
            Some(said) => {
                let port = self.stream_port();
                Some(port.ok_or_else(|| EndpointError::Port { port: said.to_string() })?)
            }
        };
        let anywhere = host.is_empty() || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        let rest_host = rest_host.trim_start_matches('[').trim_end_matches(']');
        Ok(Endpoint {
            scheme,
            host: if anywhere { rest_host } else { host }.to_owned(),
            port: port.ok_or_else(|| EndpointError::NoPort { url: url.to_owned() })?,
        })
    }

    fn integer(&self, key: &str) -> Option<i64> {
        self.raw.get(key).and_then(integer)
    }
}

/// Splits an address into host (without brackets) and port; `None` when the port is not a number.
pub(super) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => port.is_empty().then_some((host, None)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Some((authority, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
            number.as_i64().or_else(|| whole.map(|number| number as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The address of a job's stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The scheme, `None` where the response has none.
    pub scheme: Option<EndpointScheme>,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Some(EndpointScheme::Http) => write!(f, "http://")?,
            Some(EndpointScheme::Https) => write!(f, "https://")?,
            None => {}
        }
        f.write_str(&self.authority())
    }
}

/// Whether the address has a scheme with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointScheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl EndpointScheme {
    fn of(name: &str, url: &str) -> Result<Self, EndpointError> {
        match name.to_ascii_lowercase().as_str() {
            "http" | "grpc" => Ok(Self::Http),
            "https" | "grpcs" => Ok(Self::Https),
            _ => Err(EndpointError::Url { url: url.to_owned() }),
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a response does not contain a usable address of the stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The response contains no port.
    #[error("the answer names no port: no stream_port, and none in stream_url `{url}`")]
    NoPort {
        /// The answer's `stream_url`.
        url: String,
    },
    /// `stream_port` is not a port.
    #[error("the answer's stream_port {port} is not a port (1 to 65535)")]
    Port {
        /// The value in the response.
        port: String,
    },
    /// `stream_url` is not a valid address.
    #[error("the answer's stream_url `{url}` cannot be read")]
    Url {
        /// The value in the response.
        url: String,
    },
}

#[cfg(test)]
mod tests;
