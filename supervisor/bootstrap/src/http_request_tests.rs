use super::*;

#[test]
fn answers_are_text_where_they_can_be() {
    let answer = Answer {
        status: 200,
        headers: vec![("x-scar-task", "t".into())],
        content_type: "text/plain".into(),
        body: "ü".into(),
    };
    let event = answer.to_event();
    assert_eq!(event["body"], "ü");
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(event["headers"]["x-scar-task"], "t");
    let binary = Answer {
        body: vec![0xff, 0],
        ..answer
    };
    let event = binary.to_event();
    assert_eq!(
        (event["body"].as_str(), &event["isBase64Encoded"]),
        (Some("/wA="), &json!(true))
    );
}

#[test]
fn names_and_media_types_belong_together() {
    assert_eq!(body_name("image/jpeg"), "request.jpg");
    assert_eq!(body_name("application/x-odd"), "request");
    assert_eq!(media_type("a/b.JPEG"), "image/jpeg");
    assert_eq!(media_type("none"), "application/octet-stream");
}
