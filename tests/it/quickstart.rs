//! The first thing a newcomer runs.

use scar_tests::Product;

const RUN: [&str; 6] = [
    "run",
    "workflows/quickstart/workflow.yaml",
    "workflows/quickstart/texts/market.txt",
    "workflows/quickstart/texts/rain.txt",
    "workflows/quickstart/texts/river.txt",
    "--local",
];

#[test]
fn three_texts_go_through_two_stages_and_the_second_run_touches_nothing() {
    let product = Product::new();
    product.image("shell");

    product.scar(RUN).exits(0);
    product
        .scar([
            "get",
            "top/",
            "got",
            "-f",
            "workflows/quickstart/workflow.yaml",
        ])
        .exits(0);
    let top = std::fs::read_to_string(product.path().join("got/river.txt")).unwrap();
    assert_eq!(top, "13\ta\n4\triver\n2\tand\n");

    let before = product
        .scar(["ls", "--json", "-f", "workflows/quickstart/workflow.yaml"])
        .exits(0);
    let again = product.scar(RUN).exits(0);
    assert!(
        again.stderr.contains("already") || again.stdout.contains("already"),
        "{again:?}"
    );
    let after = product
        .scar(["ls", "--json", "-f", "workflows/quickstart/workflow.yaml"])
        .exits(0);
    assert_eq!(before.json(), after.json());
}
