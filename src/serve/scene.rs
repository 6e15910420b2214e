//! The built-in scene: a real earthquake on a seafloor cable.

use super::CaptureSource;

/// The bytes of `captures/optodas-quake.gcap`: ten seconds of a local earthquake, recorded off Norway on 51 sensors of a
/// telecom cable (ASN OptoDAS; `DASDAE/test_data`, MIT). The P wave arrives at about 3 s, the S wave at about 7 s.
pub static OPTODAS_QUAKE: &[u8] = include_bytes!("../../captures/optodas-quake.gcap");

/// The built-in scene as a source.
///
/// ```
/// use grpc_capture::serve::{ReplayServer, builtin_scene};
/// let server = ReplayServer::builder().source(builtin_scene());
/// ```
#[must_use]
pub fn builtin_scene() -> CaptureSource {
    CaptureSource::bytes("optodas-quake", OPTODAS_QUAKE)
}
