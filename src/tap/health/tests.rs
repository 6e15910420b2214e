use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use prost::Message as _;

use super::*;
use crate::{
    das::proto::datastream::HealthResponse,
    grpc::status::{INTERNAL, NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED},
    tap::{
        dial::{DialOptions, Target, dial},
        testing,
    },
};

const CHECK_HEALTH: &str = "/datastream.DataStreamService/CheckHealth";
/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(60);

fn healthy(healthy: bool) -> Vec<u8> {
    HealthResponse {
        healthy,
        version: "7.1".into(),
    }
    .encode_to_vec()
}

fn serving(status: ServingStatus) -> Vec<u8> {
    HealthCheckResponse { status: status.into() }.encode_to_vec()
}

async fn ready<F>(script: F, probe: HealthProbe, limit: Duration) -> Result<Readiness, HealthError>
where
    F: Fn(&str) -> Result<Vec<u8>, u32> + Clone + Send + Sync + 'static,
{
    let addr = testing::unary(script).await;
    let target: Target = format!("http://{addr}").parse().unwrap();
    let connection = dial(&target, &DialOptions::default()).await.unwrap();
    wait_ready(&connection, probe, limit).await
}

#[tokio::test]
async fn a_healthy_job_is_ready_and_tells_its_version() {
    let script = |path: &str| {
        if path == CHECK_HEALTH {
            Ok(healthy(true))
        } else {
            Err(INTERNAL)
        }
    };
    let readiness = ready(script, HealthProbe::CheckHealthFirst, LONG).await.unwrap();
    assert_eq!(readiness, Readiness::CheckHealth { version: "7.1".into() });
}

#[tokio::test]
async fn the_standard_service_is_asked_when_the_dialect_has_none() {
    for probe in [HealthProbe::CheckHealthFirst, HealthProbe::StandardOnly] {
        let script = |path: &str| match path {
            STANDARD => Ok(serving(ServingStatus::Serving)),
            _ => Err(UNIMPLEMENTED),
        };
        assert_eq!(ready(script, probe, LONG).await.unwrap(), Readiness::Standard);
    }
}

#[tokio::test]
async fn a_job_without_any_health_method_is_ready_by_its_connection() {
    for code in [UNIMPLEMENTED, NOT_FOUND, INTERNAL] {
        let script = move |path: &str| Err(if path == STANDARD { code } else { UNIMPLEMENTED });
        let readiness = ready(script, HealthProbe::CheckHealthFirst, LONG).await.unwrap();
        assert_eq!(readiness, Readiness::Connected, "{code}");
    }
    let never = |_: &str| -> Result<Vec<u8>, u32> { panic!("nothing must be asked") };
    assert_eq!(
        ready(never, HealthProbe::Skip, LONG).await.unwrap(),
        Readiness::Connected
    );
}

#[tokio::test]
async fn a_job_that_is_not_ready_yet_is_asked_again() {
    let asked = Arc::<AtomicU32>::default();
    let script = {
        let asked = Arc::clone(&asked);
        move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err(UNAVAILABLE),
            1 => Ok(healthy(false)),
            _ => Ok(healthy(true)),
        }
    };
    assert!(ready(script, HealthProbe::CheckHealthFirst, LONG).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_job_that_stays_unready_ends_with_what_it_said() {
    let limit = Duration::from_millis(50);
    let script = |_: &str| Ok(healthy(false));
    let error = ready(script, HealthProbe::CheckHealthFirst, limit)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("healthy = false") && error.contains("wait longer"),
        "{error}"
    );
    let script = |_: &str| Ok(serving(ServingStatus::NotServing));
    let error = ready(script, HealthProbe::StandardOnly, limit)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("NOT_SERVING"), "{error}");
    let script = |_: &str| Err(UNAVAILABLE);
    let error = ready(script, HealthProbe::CheckHealthFirst, limit)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("UNAVAILABLE") && error.contains("because"), "{error}");
}
