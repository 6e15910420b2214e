use super::*;

#[test]
fn names_and_methods_lead_back_to_their_dialect() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
        assert_eq!(Dialect::from_method(dialect.method()), Some(dialect));
    }
    assert_ne!(Dialect::DataStream.method(), Dialect::PandaDataStream.method());
}

#[test]
fn another_method_or_name_is_no_dialect() {
    assert_eq!(Dialect::from_method("/grpc.health.v1.Health/Watch"), None);
    assert_eq!(Dialect::from_method(datastream::HEALTH_METHOD), None);
    let error = "panda".parse::<Dialect>().unwrap_err();
    assert!(error.to_string().contains("pandadatastream"), "{error}");
}
