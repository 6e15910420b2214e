//! Serialization of numbers that JSON lacks, infinity and NaN: they become the strings `"inf"`, `"-inf"` and `"nan"`.

use serde::Serializer;

/// Serializes a number, or its name when it is not finite.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(super) fn float<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match name(*value) {
        Some(name) => serializer.serialize_str(name),
        None => serializer.serialize_f64(*value),
    }
}

/// Serializes a number, its name when it is not finite, or `null` when it was not measured.
#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
pub(super) fn optional<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => float(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// The name of a value that is not finite.
const fn name(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("nan")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "inf" } else { "-inf" })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize)]
    struct Pair {
        #[serde(serialize_with = "super::float")]
        a: f64,
        #[serde(serialize_with = "super::optional")]
        b: Option<f64>,
    }

    #[test]
    fn what_is_no_number_is_named_and_what_was_not_measured_is_null() {
        let json = |a, b| serde_json::to_string(&Pair { a, b }).unwrap();
        assert_eq!(json(1.5, None), r#"{"a":1.5,"b":null}"#);
        assert_eq!(
            json(f64::NEG_INFINITY, Some(f64::INFINITY)),
            r#"{"a":"-inf","b":"inf"}"#
        );
        assert_eq!(json(f64::NAN, Some(-0.25)), r#"{"a":"nan","b":-0.25}"#);
    }
}
